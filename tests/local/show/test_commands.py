"""Durations, sizes, numbers and log lines read as a person would write them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from smp.definition.compiled import Json
from smp.local.show.commands import (
    again_command,
    log_command,
    recovery_commands,
    resume_command,
    run_command,
    step_command,
)
from smp.local.show.progress import read_tail
from smp.local.store.run_store import RunRecord, StepRecord
from smp.text.human import clean_line, duration, number, size


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, "-"),
        (-1, "0 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (2_000_000_000, "2 GB")],
)
def test_sizes(count: int, written: str) -> None:
    assert size(count) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.8452741, "0.84527"),
        (739724432.4, "739,724,432"),
        (12.0, "12"),
        (1e-9, "1e-09"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (True, "True"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("10%\r55%\r100%\r", "100%"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
        ("tab\tkept", "tab\tkept"),
    ],
)
def test_log_lines_lose_what_drives_a_terminal(line: str, written: str) -> None:
    assert clean_line(line) == written


def test_the_tail_of_a_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"first\nsecond\nthird\n")
    tail = read_tail(log, 10, 10)
    assert tail.lines == ("third",)
    assert not tail.is_whole
    assert read_tail(log, 10, 100).is_whole
    assert read_tail(log, 2, 100).lines == ("second", "third")
    assert read_tail(tmp_path / "none", 2, 100).lines == ()


def test_a_step_is_run_again_with_the_parameters_of_the_run() -> None:
    given = {"assignments": ["rate=0.1", "name=a b"]}
    run = RunRecord("r", "p", "Failed", 0.0, parameters={"rate": 0.1, "name": "a b"}, options=given)
    assert step_command(run, "s") == "smp run p --only s --param rate=0.1 --param 'name=a b'"


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({}, "smp run p"),
        ({"from": "fit"}, "smp run p --from fit"),
        ({"only": "fit", "from": None}, "smp run p --only fit"),
        ({"assignments": ["a=1", "b=x y"]}, "smp run p --param a=1 --param 'b=x y'"),
    ],
)
def test_a_failed_run_is_run_again_as_it_was_asked_for(options: Json, command: str) -> None:
    record = RunRecord("r", "p", "Failed", 0.0, options=options)
    assert again_command(record) == command


def test_a_suggested_command_finds_the_configs_that_the_run_was_made_from() -> None:
    where = ["--environment", "prod", "--workspace", "/a place"]
    run = RunRecord("r", "p", "Failed", 0.0, parameters={}, options={"where": where})
    named = "--environment prod --workspace '/a place'"
    assert step_command(run, "s") == f"smp run p --only s {named}"
    assert resume_command(run) == f"smp run p --resume r {named}"
    assert log_command(run, "s") == "smp logs r s --workspace '/a place'"
    assert run_command(run, "show") == "smp show r --workspace '/a place'"


@pytest.mark.parametrize(("item", "ways"), [(None, ["s", "all"]), ("north", ["all"])])
def test_a_step_of_an_iteration_is_not_run_alone(item: str | None, ways: list[str]) -> None:
    run = RunRecord("r1", "p", "Failed", 0.0, parameters={})
    step = StepRecord("s", "Processing", "Failed", 0.0, item=item)
    commands = {"s": "smp run p --only s", "all": "smp run p"}
    assert [command for _, command in recovery_commands(run, step)] == [
        commands[way] for way in ways
    ]


@pytest.mark.parametrize(("item", "others"), [(None, 2), ("north", 1)])
def test_a_failed_search_leads_to_the_logs_of_its_trials(item: str | None, others: int) -> None:
    options = {"where": ["--environment", "prod", "--workspace", "/a place"]}
    run = RunRecord("r1", "p", "Failed", 0.0, parameters={}, options=options)
    step = StepRecord("tune", "Tuning", "Failed", 0.0, item=item)
    first, *rest = recovery_commands(run, step)
    assert first == ("read a trial's log", "smp logs r1 tune --workspace '/a place' --trial")
    assert len(rest) == others
