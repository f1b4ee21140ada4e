"""Which steps run on which side of a Condition step, and after a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.graph import PipelineGraph, build_graph
from smp.graph.nodes import Branch
from tests.graph.workspace import IMAGE, load, pipeline_of

MODEL = "fit: Training\nserve: CreateModel\npredict: Transform, chain_input_source_step: [prep]\n"
REPORT = "prep: Processing\n" + MODEL + "report: Metrics, chain_input_source_step: [predict]\n"
GATE = "gate: Condition, condition: report.metrics.auc >= 0.8"
METRIC = "{Name: auc, Regex: 'auc=([0-9.]+)'}"
YES, NO = Branch("gate", taken=True), Branch("gate", taken=False)


def graph(workspace: Path, steps: str, dependencies: str = "") -> PipelineGraph:
    return build_graph(load(workspace, pipeline_of(steps, dependencies)), "demo")


def test_a_gate_waits_for_what_it_reads_and_decides_over_its_steps(tmp_path: Path) -> None:
    steps = f"{REPORT}{GATE}, if_steps: keep, else_steps: stop\nkeep: RegisterModel\n"
    steps += "stop: Fail, message: 'AUC ${report.metrics.auc}'"
    made = graph(tmp_path, steps)
    assert made.node("gate").reads == ("report",)
    assert made.node("keep").branch == YES
    assert made.node("stop").branch == NO
    assert made.node("stop").reads == ("report",)
    assert [made.node(name).branch for name in ("fit", "gate")] == [None, None]
    order = [node.name for node in made.in_order()]
    assert order.index("report") < order.index("gate") < order.index("keep")


def test_an_order_through_the_gate_is_the_gate_itself(tmp_path: Path) -> None:
    steps = f"{REPORT}{GATE}, if_steps: keep\nkeep: RegisterModel"
    assert graph(tmp_path, steps, "report >> gate >> keep").node("keep").after == ()


def test_what_depends_on_one_side_runs_on_that_side(tmp_path: Path) -> None:
    steps = f"{REPORT}{GATE}, if_steps: more\nmore: Processing\n"
    steps += "last: Processing, chain_input_source_step: more"
    made = graph(tmp_path, steps)
    assert made.node("last").branch == YES
    assert made.node("last").copy_of is None


def test_what_depends_on_both_sides_runs_after_either(tmp_path: Path) -> None:
    steps = (
        f"{REPORT}{GATE}, if_steps: [a], else_steps: [b]\na: Processing\nb: Processing\n"
        "join: Processing, chain_input_source_step: [a, b]\n"
        "end: Processing, chain_input_source_step: [join, prep]"
    )
    made = graph(tmp_path, steps, "a >> end")
    sources = {
        node.name: [chain.source for chain in node.chained]
        for node in made.steps
        if node.name.startswith(("join", "end"))
    }
    both = ["prep", "prep"]
    assert sources == {
        "join": ["a", "a"],
        "join-else": ["b", "b"],
        "end": ["join", "join", *both],
        "end-else": ["join-else", "join-else", *both],
    }
    assert made.node("join-else").branch == NO
    assert made.node("join-else").copy_of == "join"
    assert made.node("end").after == ("a",)
    assert made.node("end-else").after == ()


def test_a_step_listed_on_both_sides_is_there_twice(tmp_path: Path) -> None:
    steps = f"{REPORT}{GATE}, if_steps: [a], else_steps: [a]\na: Processing"
    made = graph(tmp_path, steps)
    assert [(node.name, node.branch) for node in made.steps[-2:]] == [("a", YES), ("a-else", NO)]


def test_steps_after_a_failure(tmp_path: Path) -> None:
    made = graph(
        tmp_path, "a: Processing, on_failure: [tidy]\ntidy: Processing\nb: Processing", "a >> b"
    )
    assert made.node("tidy").after_failed == ("a",)
    assert made.node("tidy").waits == ("a",)
    assert made.node("b").after == ("a",)


@pytest.mark.parametrize(
    ("steps", "dependencies", "sides"),
    [
        pytest.param(
            "more: Processing\nfit: Training, chain_input_source_step: more\nagain: Training",
            "",
            "if_steps: more, else_steps: again",
            id="behind-a-chain",
        ),
        pytest.param(
            "a: Lambda, function: f\nb: Lambda, function: f\nfit: Training\nagain: Training",
            "[a >> fit, b >> again]",
            "if_steps: a, else_steps: b",
            id="behind-dependencies",
        ),
        pytest.param(
            "a: Lambda, function: f, outputs: {days: String}\nagain: Training\n"
            "loop: ForEach, items: '${a.outputs.days}', max_concurrency: 1, steps: fit, "
            "selector: {pick: MaxBy, field: fit.final_metrics.auc}\nfit: Training",
            "",
            "if_steps: a, else_steps: again",
            id="in-a-loop-over-what-one-side-returns",
        ),
    ],
)
def test_a_model_that_either_side_makes_is_registered_after_either(
    steps: str, dependencies: str, sides: str, tmp_path: Path
) -> None:
    text = pipeline_of(
        f"how: Condition, condition: parameters.big == true, {sides}\n{steps}\nkeep: RegisterModel",
        dependencies,
    ).replace("    models:\n", "    parameters: [{name: big, type: Boolean}]\n    models:\n", 1)
    train = f"{{image_uri: {IMAGE}, entry_point: train.py, metric_definitions: [{METRIC}]}}"
    made = build_graph(load(tmp_path, text, demo__train=train), "demo")
    assert made.node("keep").branch == Branch("how", taken=True)
    assert made.node("keep").training == "fit"
    assert made.node("keep-else").branch == Branch("how", taken=False)
    assert made.node("keep-else").training == "again"


def test_what_only_runs_after_a_failure_is_not_what_a_model_is_registered_from(
    tmp_path: Path,
) -> None:
    steps = (
        "fit: Training, on_failure: smaller\nsmaller: Training\n"
        "check: QualityCheck, check: data_quality, baseline_dataset: s3://data/x, on_failure: again\n"
        "again: QualityCheck, check: data_quality, baseline_dataset: s3://data/y\n"
        "keep: RegisterModel\nkeep-smaller: RegisterModel"
    )
    made = graph(tmp_path, steps, "[smaller >> keep-smaller, again >> keep-smaller]")
    assert made.node("keep").training == "fit"
    assert made.node("keep").reports == (("check", "check"),)
    assert made.node("keep-smaller").training == "smaller"
    assert made.node("keep-smaller").reports == (("again", "again"),)
