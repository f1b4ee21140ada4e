"""Reports of three runs: one that went well, one that failed, one in the middle of forty steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.graph import build_graph
from smp.local.report import render_report
from smp.local.store.places import Places
from tests.local.example_runs import BEGAN, Example, failed_churn, running_forty, succeeded_churn
from tests.local.report.browser import Page, browser_page, find_browser

WORKSPACE = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("workspace") / ".smp")


@pytest.fixture(scope="session")
def churn(places: Places) -> CompiledPipeline:
    """The bundled example as it compiles today."""
    graph = build_graph(load_project(WORKSPACE), "churn-lightgbm")
    (compiled,) = compile_all([graph], places.root).result()
    return compiled


@pytest.fixture(scope="session")
def succeeded(places: Places, churn: CompiledPipeline) -> Example:
    return succeeded_churn(places, churn)


@pytest.fixture(scope="session")
def failed(places: Places, churn: CompiledPipeline) -> Example:
    return failed_churn(places, churn)


@pytest.fixture(scope="session")
def forty(places: Places) -> Example:
    return running_forty(places)


def write_report(example: Example) -> Path:
    """Write a report into its run's directory, as of a moment after everything in it."""
    text = render_report(example.run, example.compiled, example.places, now=BEGAN + 4100)
    path = example.run.directory / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of a headless Chromium; skips where there is none."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium on this machine to look at the report with")
    with browser_page(browser, tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page
