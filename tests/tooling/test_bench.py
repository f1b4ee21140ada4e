"""The benchmark measures what its report says, and holds it against the bars."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.graph import build_graphs
from tools.bench import HEADER, with_section
from tools.bench_edit_report import (
    WITH_BYTECODE,
    WITHOUT_BYTECODE,
    Cost,
    EditLoop,
    edit_loop_section,
    edit_loop_verdicts,
)
from tools.bench_report import (
    Branches,
    Example,
    Growth,
    LocalRun,
    Timed,
    growth_section,
    growth_verdicts,
    local_section,
    local_verdicts,
    marginal_seconds,
)
from tools.bench_verdict import Verdict, verdict_table
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


def growth(dearer: float = 1.0) -> list[Growth]:
    """Counts of models of which each costs 0.01 s, and between the last two so many times that."""

    def of(units: int, seconds: float) -> Growth:
        names = ("load", "import", "compile", "cold", "cold_cpu", "unchanged")
        return Growth(units, units * STEPS_PER_UNIT, dict.fromkeys(names, seconds), 100.0, 200.0)

    return [of(1, 0.01), of(10, 0.1), of(50, 0.5), of(100, 0.5 + 0.5 * dearer)]


def edit_loop(**seconds: float) -> EditLoop:
    """Three rounds in both modes, each with the same ratios between its cases."""
    of_case = {
        "plain": 5.0,
        "empty": 4.0,
        "cold": 6.0,
        "unchanged": 1.0,
        "script": 5.0,
        "value": 6.0,
    }
    of_case |= seconds
    rounds = tuple(
        {case: Cost(speed * taken, 2 * speed * taken) for case, taken in of_case.items()}
        for speed in (1.0, 3.0, 0.5)
    )
    modes = dict.fromkeys((WITH_BYTECODE, WITHOUT_BYTECODE), rounds)
    return EditLoop(modes, (0.3, 0.4, 0.7), {"empty": 300.0, "cold": 500.0})


def missed(verdicts: Iterable[Verdict]) -> list[str]:
    return [verdict.text for verdict in verdicts if verdict.met is False]


def test_every_generated_model_is_a_pipeline_with_one_step_of_every_class(tmp_path: Path) -> None:
    write_generated_models(tmp_path, 3)
    graphs = build_graphs(load_project(tmp_path))
    classes = [[node.step_class for node in graph.in_order()] for graph in graphs]
    assert len(classes) == 3
    for steps in classes:
        assert len(set(steps)) == len(steps) == STEPS_PER_UNIT


def test_all_bars_are_met_by_measurements_below_them() -> None:
    every = (*edit_loop_verdicts(edit_loop()), *growth_verdicts(growth()), *local_verdicts(LOCAL))
    assert missed(every) == []


@pytest.mark.parametrize(
    ("case", "seconds", "expected"),
    [
        ("cold", 8.4, "cold synth, {}: 2.10x the empty app's, at most 2.0x"),
        ("unchanged", 1.4, "unchanged synth, {}: 0.35x the empty app's, at most 0.3x"),
        ("script", 6.0, "synth after one script changed, {}: 1.50x the empty app's, at most 1.4x"),
        (
            "value",
            7.6,
            "synth after one value of one config changed, {}: 1.90x the empty app's, at most 1.8x",
        ),
    ],
)
def test_fails_the_bar_of_a_case_that_takes_too_long(
    case: str, seconds: float, expected: str
) -> None:
    modes = (WITH_BYTECODE, WITHOUT_BYTECODE)
    assert missed(edit_loop_verdicts(edit_loop(**{case: seconds}))) == [
        expected.format(mode) for mode in modes
    ]


def test_fails_a_slow_validation() -> None:
    slow = replace(edit_loop(), validations=(0.2, 0.6, 0.7))
    assert missed(edit_loop_verdicts(slow)) == ["`smp validate`: 0.60 s, at most 0.5 s"]


def test_fails_growth_that_gets_dearer_with_every_model() -> None:
    texts = missed(growth_verdicts(growth(dearer=2.0)))
    assert len(texts) == 2
    assert all(text.startswith("growth of") for text in texts)


def test_fails_a_further_pipeline_that_costs_too_much() -> None:
    assert "a further pipeline at 100: 80 ms of a cold synth, at most 70 ms" in missed(
        growth_verdicts(growth(dearer=8.0))
    )


def test_fails_each_bar_of_the_local_run_by_itself() -> None:
    hand, locally = pair(train=(9.0, 9.1), rest=(1.0, 1.3))
    slow = LocalRun(
        examples=(Example("small", ((hand, replace(locally, before_first=0.4)),)),),
        step_milliseconds=10.5,
        steps=200,
        branches=Branches(one_at_once=4.0, two_at_once=3.0),
    )
    assert missed(local_verdicts(slow)) == [
        "local run of small: 1.040x its bare scripts, at most 1.03x",
        "`smp run small` to its first job: 0.40 s, at most 0.3 s",
        "orchestration: 10.5 ms a step, at most 10 ms",
        "two branches on two cores: 1.33x as fast as on one, at least 1.6x",
    ]


def test_what_could_not_be_measured_is_said_and_misses_no_bar() -> None:
    local = replace(LOCAL, branches=None)
    verdicts = list(local_verdicts(local))
    unknown = {verdict.text for verdict in verdicts if verdict.met is None}
    assert unknown == {
        "local run of large: not measured: no space left on device",
        "two branches on two cores: not measured: there is one core",
    }
    table = list(verdict_table(verdicts))
    assert all(f"| {text} | - |" in table for text in unknown)
    assert "| large | 0 | not measured: no space left on device | - | - |" in list(
        local_section(local)
    )


def test_a_further_model_costs_the_difference_between_two_counts() -> None:
    few, many = marginal_seconds(growth(), "compile")
    assert round(few, 6) == round(many, 6) == 0.01


def test_the_sections_name_every_case() -> None:
    lines = (*edit_loop_section(edit_loop()), *growth_section(growth()), *local_section(LOCAL))
    report = "\n".join(lines)
    for expected in (
        "### bytecode is written",
        "### PYTHONDONTWRITEBYTECODE=1",
        "| 6.00 | 1.50x | 1.20x | 12.00 s | 1.50x | 500 MiB |",
        "`smp validate` of the bundled models: 0.40 s.",
        "| 100 | 600 |",
        "| small | 3 | 10.00 s | 10.20 s | 1.020x ± 0.040 |",
        "| small | train | 9.50 s | 9.50 s | 0 ms |",
        "| small | all else | 0.50 s | 0.80 s | 300 ms |",
        "costs 4.0 ms a step",
        "2.00x as fast",
    ):
        assert expected in report


def test_a_part_that_is_measured_alone_leaves_the_others_as_they_are() -> None:
    titles = ["One", "Two", "Three"]
    report = with_section("", titles, "Two", "## Two\n\n### Part\n\nfirst\n")
    report = with_section(report, titles, "One", "## One\n\nalone\n")
    assert report == f"{HEADER}\n## One\n\nalone\n\n## Two\n\n### Part\n\nfirst\n"
    again = with_section(report, titles, "Two", "## Two\n\nagain\n")
    assert again == f"{HEADER}\n## One\n\nalone\n\n## Two\n\nagain\n"


def test_a_section_that_no_part_has_any_more_goes() -> None:
    assert with_section("# x\n\n## Old\n\ntext\n", ["One"], "One", "## One\n") == (
        f"{HEADER}\n## One\n"
    )
