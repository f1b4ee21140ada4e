"""What a comparison promises whatever changes: nothing of nothing, its inverse turned round, no gap."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smp.definition.compiled import CompiledPipeline
from smp.definition.differences import MISSING
from smp.review.diff.changes import Change, Kind, PipelineChange
from smp.review.diff.compare import compare_pipelines, compare_states
from smp.review.diff.fields import diff_fields
from smp.review.diff.markdown import render_markdown
from smp.review.diff.text import render_text
from smp.review.diff.values import written_pair
from tests.review.diff.examples import CASES, DEFINITION, churn, state

GATED = CASES["step-moved"]
TURNED = {Kind.ADDED: Kind.REMOVED, Kind.REMOVED: Kind.ADDED}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each leaf that may change without the definition losing its shape."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            if path[-1:] == ("Steps",) or key not in ("Type", "Name") or len(path) > 3:
                yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def changed_at(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with another value at a path."""
    result = copy.deepcopy(value)
    inner = result
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = new
    return result


PATHS = [
    path
    for path in leaves(DEFINITION)
    if not {"DependsOn", "Get", "On", "Parameters", "Values"}.intersection(map(str, path))
]


@pytest.mark.parametrize("name", CASES)
def test_a_state_does_not_differ_from_itself(name: str, store: Path) -> None:
    one, other = CASES[name].head(store), CASES[name].head(store)
    assert compare_pipelines(one, other) is None
    assert compare_pipelines(one, CompiledPipeline.from_json(other.to_json(), store)) is None


def _changes(items: tuple[Change, ...]) -> set[str]:
    return {repr((c.section, c.name, c.before, c.after, c.path)) for c in items}


def _turned(items: tuple[Change, ...]) -> set[str]:
    return {repr((c.section, c.name, c.after, c.before, c.path)) for c in items}


def assert_inverse(there: PipelineChange, back: PipelineChange) -> None:
    assert TURNED.get(there.kind, there.kind) == back.kind
    assert _changes(there.settings) == _turned(back.settings)
    steps = {step.name: step for step in back.steps}
    assert steps.keys() == {step.name for step in there.steps}
    for step in there.steps:
        other = steps[step.name]
        assert TURNED.get(step.kind, step.kind) == other.kind
        assert _changes(step.changes) == _turned(other.changes)
        assert set(step.code) == set(other.code)
    edges = {(e.source, e.target, e.before, e.after) for e in there.edges}
    assert edges == {(e.source, e.target, e.after, e.before) for e in back.edges}
    permissions = {repr(replace(p, kind=TURNED[p.kind])) for p in there.permissions}
    assert permissions == {repr(p) for p in back.permissions}
    code = {(c.origin, c.before, c.after, c.lines, len(c.files)) for c in there.code}
    assert code == {
        (c.origin, c.after, c.before, (c.lines[1], c.lines[0]), len(c.files)) for c in back.code
    }
    assert (there.bounds.before, there.bounds.after) == (back.bounds.after, back.bounds.before)


@pytest.mark.parametrize("name", CASES)
def test_turned_round_it_is_the_inverse(name: str, base: CompiledPipeline, store: Path) -> None:
    head = CASES[name].head(store)
    there, back = compare_pipelines(base, head), compare_pipelines(head, base)
    assert there is not None
    assert back is not None
    assert_inverse(there, back)


def test_a_new_pipeline_turned_round_is_a_removed_one(base: CompiledPipeline) -> None:
    there, back = compare_pipelines(None, base), compare_pipelines(base, None)
    assert there is not None
    assert back is not None
    assert_inverse(there, back)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(path=st.sampled_from(PATHS), new=VALUES)
def test_no_change_of_a_definition_is_hidden(
    path: tuple[Any, ...], new: Any, base: CompiledPipeline
) -> None:
    definition = changed_at(base.definition, path, new)
    head = replace(base, definition=definition)
    differs = json.dumps(definition, sort_keys=True) != json.dumps(base.definition, sort_keys=True)
    there = compare_pipelines(base, head)
    assert (there is not None) == differs
    if there is not None:
        back = compare_pipelines(head, base)
        assert back is not None
        assert_inverse(there, back)
        diff = compare_states(state("a", base), state("b", head))
        for text in (render_text(diff), render_markdown(diff), json.dumps(diff_fields(diff))):
            assert "churn-lightgbm" in text


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_every_leaf_is_told_where_it_belongs(path: tuple[Any, ...], base: CompiledPipeline) -> None:
    head = replace(base, definition=changed_at(base.definition, path, "another value"))
    diff = compare_states(state("a", base), state("b", head))
    text = render_text(diff)
    assert "another value" in text or "definition" in text
    assert "another value" in render_markdown(diff)


@given(before=VALUES, after=VALUES)
def test_two_values_that_differ_are_never_written_alike(before: Any, after: Any) -> None:
    differ = json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)
    one, other = written_pair(before, after)
    assert (one != other) or not differ
    assert written_pair(MISSING, after)[0] != written_pair(MISSING, after)[1]


@given(
    st.text("ab01", min_size=0, max_size=400),
    st.text("ab01", min_size=0, max_size=400),
    st.text("cd", max_size=400),
)
def test_a_long_value_shows_what_differs(one: str, other: str, around: str) -> None:
    before, after = around + one + around, around + other + around
    shown = written_pair(before, after)
    assert (shown[0] == shown[1]) == (before == after)


def test_a_hash_is_shown_short_and_the_rest_whole() -> None:
    one, other = "a" * 64, "b" * 64
    assert written_pair(f"s3://x/{one}/y", f"s3://x/{other}/y") == (
        "s3://x/aaaaaaaa/y",
        "s3://x/bbbbbbbb/y",
    )


def test_the_same_steps_in_another_order_are_told(base: CompiledPipeline) -> None:
    turned = {**base.definition, "Steps": base.definition["Steps"][::-1]}
    change = compare_pipelines(base, replace(base, definition=turned))
    assert change is not None
    assert [item.name for item in change.settings] == ["order of the steps"]


def test_a_part_of_the_pipeline_that_no_section_names_is_told(base: CompiledPipeline) -> None:
    head = replace(base, models=("churn-lightgbm", "another"))
    change = compare_pipelines(base, head)
    assert change is not None
    assert [(item.section, item.name) for item in change.settings] == [("other settings", "models")]


def test_what_the_service_does_not_keep_is_no_change_to_what_is_deployed(
    base: CompiledPipeline,
) -> None:
    deployed = replace(base, models=(), step_models={})
    assert compare_pipelines(deployed, base, knows_config=False) is None


def test_markup_in_names_and_values_stays_text(base: CompiledPipeline, store: Path) -> None:
    nasty = "`</details> | <script>alert(1)</script> @all ![x](http://x) \n# x"
    head = churn(store, tags={"team": nasty}, description=nasty)
    from markdown_it import MarkdownIt

    text = render_markdown(compare_states(state(nasty, base), state("b", head)))
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script>" not in html
    assert "<img" not in html
    assert html.count("</details>") == html.count("<details>")
