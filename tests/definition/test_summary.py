"""What a reviewer compares at a glance: one line for each part of a pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smp.definition.compiled import CompiledPipeline
from smp.definition.summary import summarise
from smp.definition.triggers import Schedule
from tests.stacks.pipelines import code_tree, definition, full_pipeline, processing, training


def changed(before: CompiledPipeline, after: CompiledPipeline) -> set[str]:
    old, new = summarise(before), summarise(after)
    return {part for part in {*old, *new} if old.get(part) != new.get(part)}


def test_a_pipeline_has_one_line_for_each_step(tmp_path: Path) -> None:
    pipeline = full_pipeline(tmp_path)
    lines = summarise(pipeline)
    code = pipeline.code[0].sha256[:12]
    assert list(lines) == ["step prep", "step fit", "step register-RegisterModel", "settings"]
    assert lines["step fit"].startswith("Training; settings ")
    assert lines["step fit"].endswith(f"; code {code}; after prep")
    assert all(len(line) < 100 for line in lines.values())


def test_the_same_pipeline_has_the_same_lines(tmp_path: Path) -> None:
    assert changed(full_pipeline(tmp_path / "a"), full_pipeline(tmp_path / "b")) == set()


def test_a_hyperparameter_changes_the_line_of_its_step(tmp_path: Path) -> None:
    before, after = full_pipeline(tmp_path), full_pipeline(tmp_path)
    after.definition["Steps"][1]["Arguments"]["HyperParameters"]["rounds"] = "31"
    assert changed(before, after) == {"step fit"}


def test_code_changes_the_lines_of_the_steps_that_run_it_and_only_their_code(
    tmp_path: Path,
) -> None:
    trees = [code_tree(tmp_path, {"prep.py": text}) for text in ("first", "second")]
    before, after = (
        full_pipeline(
            tmp_path,
            code=(tree, trees[0]),
            definition=definition(
                processing("prep", tree, "x"), training("fit", trees[0], "x", "prep")
            ),
        )
        for tree in trees
    )
    assert changed(before, after) == {"step prep"}
    settings = [summarise(p)["step prep"].split("; ")[1] for p in (before, after)]
    assert settings[0] == settings[1]


def test_a_step_inside_a_condition_has_a_line_of_its_own(tmp_path: Path) -> None:
    def conditional(rounds: str) -> CompiledPipeline:
        tree = code_tree(tmp_path, {"prep.py": "x"})
        inner = training("fit", tree, "x", "prep")
        inner["Arguments"]["HyperParameters"]["rounds"] = rounds
        condition = {
            "Name": "good-enough",
            "Type": "Condition",
            "Arguments": {"Conditions": [], "IfSteps": [inner], "ElseSteps": []},
        }
        steps = definition(processing("prep", tree, "x"), condition)
        return full_pipeline(tmp_path, definition=steps)

    assert changed(conditional("1"), conditional("2")) == {"step fit"}


def test_parameters_are_shown_by_name(tmp_path: Path) -> None:
    def with_default(days: int) -> CompiledPipeline:
        pipeline = full_pipeline(tmp_path)
        parameter = {"Name": "Days", "Type": "Integer", "DefaultValue": days}
        pipeline.definition["Parameters"] = [parameter]
        return pipeline

    assert summarise(with_default(3))["parameter Days"] == '{"DefaultValue": 3, "Type": "Integer"}'
    assert changed(with_default(3), with_default(4)) == {"parameter Days"}


def test_the_order_of_steps_counts_though_no_step_changed(tmp_path: Path) -> None:
    before, after = full_pipeline(tmp_path), full_pipeline(tmp_path)
    after.definition["Steps"].reverse()
    assert changed(before, after) == {"settings"}


def test_where_the_sources_lay_does_not_count(tmp_path: Path) -> None:
    before = full_pipeline(tmp_path)
    tree = type(before.code[0])(before.code[0].sha256, before.code[0].files, "moved/scripts")
    assert changed(before, full_pipeline(tmp_path, code=(tree,))) == set()


def test_a_trigger_has_a_line_of_its_own(tmp_path: Path) -> None:
    before = full_pipeline(tmp_path)
    schedule = Schedule("nightly", expression="rate(1 day)", parameters={"rounds": "5"})
    on, off = (
        full_pipeline(tmp_path, triggers=(replace(schedule, enabled=enabled),))
        for enabled in (True, False)
    )
    assert changed(before, on) == changed(on, off) == {"trigger nightly"}
    assert summarise(off)["trigger nightly"] == 'switched off; rate(1 day); {"rounds": "5"}'
