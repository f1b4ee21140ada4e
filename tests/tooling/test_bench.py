"""The benchmark measures what its report says, and holds it against the bars."""

from dataclasses import replace
from pathlib import Path

from smp.config.load import load_project
from smp.graph import build_graphs
from tools.bench_report import (
    Branches,
    Example,
    Growth,
    LocalRun,
    Measurements,
    Timed,
    marginal_seconds,
    render_report,
    verdicts,
)
from tools.bench_workspace import STEPS_PER_UNIT, write_generated_models


def pair(train: tuple[float, float], rest: tuple[float, float]) -> tuple[Timed, Timed]:
    """One round of an example with a single script, and a step that by hand there is none of."""
    (hand, locally), (hand_rest, local_rest) = train, rest
    steps = {"train": locally, "register": 0.1}
    return Timed(hand + hand_rest, {"train": hand}), Timed(locally + local_rest, steps)


LOCAL = LocalRun(
    examples=(
        Example(
            "small",
            (
                pair(train=(9.5, 9.5), rest=(0.5, 0.7)),
                pair(train=(19.5, 19.0), rest=(0.5, 0.9)),
                pair(train=(4.4, 4.7), rest=(0.6, 0.8)),
            ),
        ),
        Example("large", problem="no space left on device"),
    ),
    step_milliseconds=4.0,
    steps=200,
    branches=Branches(one_at_once=4.0, two_at_once=2.0),
)


def measurements(
    cold: float, changed: float = 5.0, dearer: float = 1.0, local: LocalRun = LOCAL
) -> Measurements:
    def growth(units: int, seconds: float) -> Growth:
        phases = dict.fromkeys(("load", "import", "compile", "cold", "unchanged"), seconds)
        return Growth(units, units * STEPS_PER_UNIT, phases, 100.0, 200.0)

    return Measurements(
        rounds=3,
        seconds={"plain": 5.0, "empty": 4.0, "cold": cold, "unchanged": 1.0, "changed": changed},
        peak_mib={"empty": 300.0, "cold": 500.0},
        growth=[
            growth(1, 0.01),
            growth(10, 0.1),
            growth(50, 0.5),
            growth(100, 0.5 + 0.5 * dearer),
        ],
        local=local,
        load_before=0.25,
    )


def test_every_generated_model_is_a_pipeline_with_one_step_of_every_class(tmp_path: Path) -> None:
    write_generated_models(tmp_path, 3)
    graphs = build_graphs(load_project(tmp_path))
    classes = [[node.step_class for node in graph.in_order()] for graph in graphs]
    assert len(classes) == 3
    for steps in classes:
        assert len(set(steps)) == len(steps) == STEPS_PER_UNIT


def test_all_bars_are_met_by_measurements_below_them() -> None:
    assert all(verdict.met is not False for verdict in verdicts(measurements(cold=6.0)))


def test_fails_the_bar_of_a_cold_synth_that_takes_too_long() -> None:
    missed = [verdict.text for verdict in verdicts(measurements(cold=6.8)) if verdict.met is False]
    assert missed == ["cold synth: 1.70x the empty app's, at most 1.6x"]


def test_fails_growth_that_gets_dearer_with_every_model() -> None:
    missed = [
        verdict.text for verdict in verdicts(measurements(6.0, dearer=2.0)) if verdict.met is False
    ]
    assert len(missed) == 2
    assert all(text.startswith("growth of") for text in missed)


def test_fails_each_bar_of_the_local_run_by_itself() -> None:
    slow = LocalRun(
        examples=(Example("small", (pair(train=(9.0, 9.1), rest=(1.0, 1.3)),)),),
        step_milliseconds=10.5,
        steps=200,
        branches=Branches(one_at_once=4.0, two_at_once=3.0),
    )
    missed = [v.text for v in verdicts(measurements(6.0, local=slow)) if v.met is False]
    assert missed == [
        "local run of small: 1.040x its bare scripts, at most 1.03x",
        "orchestration: 10.5 ms a step, at most 10 ms",
        "two branches on two cores: 1.33x as fast as on one, at least 1.6x",
    ]


def test_what_could_not_be_measured_is_said_and_misses_no_bar() -> None:
    measured = measurements(6.0, local=replace(LOCAL, branches=None))
    unknown = {verdict.text for verdict in verdicts(measured) if verdict.met is None}
    assert unknown == {
        "local run of large: not measured: no space left on device",
        "two branches on two cores: not measured: there is one core",
    }
    report = render_report(measured)
    for text in unknown:
        assert f"| {text} | - |" in report
    assert "| large | 0 | not measured: no space left on device | - | - |" in report


def test_a_further_model_costs_the_difference_between_two_counts() -> None:
    few, many = marginal_seconds(measurements(cold=6.0).growth, "compile")
    assert round(few, 6) == round(many, 6) == 0.01


def test_the_report_names_date_machine_and_every_case() -> None:
    report = render_report(measurements(cold=6.0))
    for expected in (
        "- Date: 20",
        "- Load average before: 0.25",
        "cores",
        "| 6.00 | 1.50x | 1.20x | 500 MiB |",
        "| 100 | 600 |",
        "| small | 3 | 10.00 s | 10.20 s | 1.020x ± 0.040 |",
        "| small | train | 9.50 s | 9.50 s | 0 ms |",
        "| small | all else | 0.50 s | 0.80 s | 300 ms |",
        "costs 4.0 ms a step",
        "2.00x as fast",
    ):
        assert expected in report
