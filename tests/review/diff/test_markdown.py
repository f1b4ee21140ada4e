"""The markdown of a review, drawn by a real browser as a reviewer sees it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from smp.definition.compiled import CompiledPipeline, ModelPackageGroup
from smp.review.diff.changes import Diff
from smp.review.diff.compare import compare_states
from smp.review.diff.markdown import MAX_CHARACTERS, code, plain, render_markdown
from smp.review.diff.picture import render_changed_svg
from tests.local.report.browser import browser_page, find_browser
from tests.review.diff.examples import CASES, CHANGED_SCRIPTS, churn, state

BROWSER = find_browser()
STYLE = (
    "<style>body { font: 14px sans-serif; width: 900px; margin: 20px; }"
    "table { border-collapse: collapse; } td, th { border: 1px solid #ccc; padding: 4px 8px; }"
    "</style>"
)


def rendered(text: str) -> str:
    """Return markdown as HTML with what GitHub has beside CommonMark."""
    html: str = MarkdownIt("commonmark").enable("table").render(text)
    return html


def everything(base: CompiledPipeline, store: Path) -> Diff:
    """Many kinds of change at once, and a new and a removed pipeline."""

    def edit(definition: dict[str, object]) -> None:
        for name in (
            "hyperparameters",
            "instances",
            "security",
            "inputs",
            "registry",
            "parameters",
        ):
            CASES[name].change(definition)

    groups = (ModelPackageGroup("churn", "All models"),)
    head = churn(store, CHANGED_SCRIPTS, edit, model_package_groups=groups)
    gone, new = churn(store, name="churn-old"), churn(store, name="churn-next")
    return compare_states(state("main (0e8526f)", base, gone), state("working tree", head, new))


def test_every_table_has_as_many_cells_as_heads(base: CompiledPipeline, store: Path) -> None:
    for line, following in _pairs(render_markdown(everything(base, store)).splitlines()):
        if line.startswith("| ") and following.startswith("| "):
            assert _cells(line) == _cells(following), following


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(lines))


def _cells(line: str) -> int:
    return line.replace("\\|", "").count("|")


@pytest.mark.parametrize(
    "text", ["a|b", "`", "``a`", "a\nb", " a ", "<b>", "\u202ereversed", "a\\"]
)
def test_a_value_in_a_cell_stays_one_cell_of_text(text: str) -> None:
    html = rendered(f"| a | b |\n| --- | --- |\n| {code(text)} | {plain(text)} |\n")
    assert html.count("<td>") == 2
    assert "<b>" not in html
    assert "\u202e" not in html


def test_a_review_too_long_for_a_comment_leaves_the_pictures_out(store: Path) -> None:
    names = [f"pipeline-{number}" for number in range(45)]
    before = [churn(store, name=name) for name in names]
    after = [churn(store, CHANGED_SCRIPTS, name=name) for name in names]
    text = render_markdown(compare_states(state("a", *before), state("b", *after)))
    assert "```mermaid" not in text
    assert all(name in text for name in names)
    few = render_markdown(compare_states(state("a", *before[:2]), state("b", *after[:2])))
    assert "```mermaid" in few
    assert len(few) < MAX_CHARACTERS


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")
def test_a_browser_shows_tables_folds_and_the_picture(
    base: CompiledPipeline, store: Path, tmp_path: Path
) -> None:
    diff = everything(base, store)
    (changed,) = [p for p in diff.pipelines if p.kind == "changed"]
    page_file = tmp_path / "page.html"
    svg = render_changed_svg(changed.picture)
    page_file.write_text(
        f"<!doctype html><meta charset=utf-8>{STYLE}{rendered(render_markdown(diff))}{svg}", "utf-8"
    )
    assert BROWSER is not None
    with browser_page(BROWSER, tmp_path / "profile") as page:
        page.open(page_file, 960)
        assert page.problems == []
        assert page.evaluate("document.querySelectorAll('details').length") > 5
        assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
        assert page.evaluate("[...document.querySelectorAll('h3')].length") == 3
        ragged = (
            "[...document.querySelectorAll('table')].filter(t =>"
            " new Set([...t.rows].map(r => r.cells.length)).size > 1).length"
        )
        assert page.evaluate(ragged) == 0
        dashes = "getComputedStyle(document.querySelector('.changed .card')).strokeWidth"
        assert page.evaluate(dashes) == "2px"
        assert page.evaluate("document.querySelectorAll('.swatch').length") >= 1
        page.click("summary")
        assert page.evaluate("document.querySelectorAll('details[open]').length") == 1
        (tmp_path / "page.png").write_bytes(page.screenshot(whole=True))


def test_a_picture_of_turned_edges_is_drawn(base: CompiledPipeline) -> None:
    """Both DAGs as one can have a circle where neither has one."""

    def row(*names: str) -> CompiledPipeline:
        steps = [
            {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": list(before)}
            for name, before in zip(names, ((), *((n,) for n in names)), strict=False)
        ]
        definition = {"Version": "2020-12-01", "Parameters": [], "Steps": steps}
        return replace(base, definition=definition, step_models={})

    diff = compare_states(state("a", row("x", "y", "z")), state("b", row("z", "y", "x")))
    (changed,) = diff.pipelines
    svg = render_changed_svg(changed.picture)
    assert svg.count('class="edge order removed"') == 2
    assert svg.count('class="edge order added"') == 2
    assert "now waits" in svg
    assert "no longer waits" in svg
