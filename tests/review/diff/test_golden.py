"""The whole review of each kind of change, as a reviewer gets it: text and markdown.

`pytest tests/review/diff --update-golden` writes them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import smp
from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.prices import Prices
from smp.review.diff.changes import Diff
from smp.review.diff.compare import compare_states
from smp.review.diff.markdown import render_markdown
from smp.review.diff.summary import LIMIT, render_summary
from smp.review.diff.text import render_text
from tests.review.diff.examples import CASES, CHANGED_SCRIPTS, churn, state, step, training

GOLDEN = Path(__file__).with_name("golden")
PRICES = Prices(
    "2026-11-20T08:00:00Z",
    "eu-west-1",
    "USD",
    {"training": {"ml.m5.xlarge": 0.25}, "processing": {"ml.m5.large": 0.1}},
)
EXAMPLE_PRICES = {"ml.m5.xlarge": 0.25, "ml.m5.4xlarge": 1.0}
RENDERERS: dict[str, Callable[[Diff], str]] = {"txt": render_text, "md": render_markdown}


def check(name: str, diff: Diff, update: bool) -> None:
    for suffix, render in RENDERERS.items():
        path = GOLDEN / f"{name}.{suffix}"
        if update:
            path.write_text(render(diff), encoding="utf-8")
        assert render(diff) == path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("name", CASES)
def test_a_review_reads_as_it_should(
    name: str, base: CompiledPipeline, store: Path, update_golden: bool
) -> None:
    head = CASES[name].head(store)
    check(name, compare_states(state("main", base), state("HEAD", head)), update_golden)


def test_a_review_with_prices(base: CompiledPipeline, store: Path, update_golden: bool) -> None:
    head = CASES["instances"].head(store)
    diff = compare_states(state("main", base), state("HEAD", head), prices=PRICES)
    check("prices", diff, update_golden)


def test_the_example_of_the_documentation_is_current(
    base: CompiledPipeline, store: Path, update_golden: bool
) -> None:
    def edit(definition: Json) -> None:
        CASES["instances"].change(definition)
        training(definition)["HyperParameters"]["learning_rate"] = "0.01"
        step(definition, "churn-transform")["Arguments"]["TransformInput"]["SplitType"] = "None"

    prices = replace(PRICES, per_hour={**PRICES.per_hour, "training": EXAMPLE_PRICES})
    head = churn(store, CHANGED_SCRIPTS, edit)
    before, after = state("main (0e8526f)", base), state("working tree", head)
    diff = compare_states(before, after, prices=prices)
    check("example", diff, update_golden)
    page = (Path(smp.__file__).parents[1] / "docs" / "review.md").read_text("utf-8")
    for text in (render_text(diff), render_summary(diff)):
        assert f"```text\n{text}```" in page


def test_a_review_of_a_new_and_a_removed_pipeline(
    base: CompiledPipeline, store: Path, update_golden: bool
) -> None:
    renamed = churn(store, name="churn-next")
    diff = compare_states(state("main", base), state("HEAD", renamed))
    check("pipelines", diff, update_golden)


def test_nothing_changed_is_one_line(
    base: CompiledPipeline, store: Path, update_golden: bool
) -> None:
    diff = compare_states(state("main", base), state("HEAD", churn(store)))
    assert diff.is_empty
    assert render_text(diff) == render_summary(diff)
    assert render_text(diff).count("\n") == 1
    check("nothing", diff, update_golden)


@pytest.mark.parametrize("name", CASES)
def test_a_summary_has_room_in_an_approval(name: str, base: CompiledPipeline, store: Path) -> None:
    diff = compare_states(state("main", base), state("HEAD", CASES[name].head(store)))
    text = render_summary(diff)
    assert len(text) <= LIMIT
    assert "churn-lightgbm" in text


def test_a_summary_of_many_pipelines_counts_what_has_no_room(store: Path) -> None:
    names = [f"churn-{number}-{'x' * 60}" for number in range(40)]
    before = [churn(store, name=name) for name in names]
    after = [churn(store, CHANGED_SCRIPTS, name=name) for name in names]
    diff = compare_states(state("main", *before), state("HEAD", *after))
    for limit in (200, 900):
        text = render_summary(diff, limit)
        assert len(text) <= limit
        assert "more lines in the whole review" in text
