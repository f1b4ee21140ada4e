"""What is said while a run goes: plain lines, and the live view as a terminal shows it."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.local.engine.run import start_run
from smp.local.show.live import LiveView
from smp.local.show.progress import LiveProgress, Progress, progress_for
from smp.local.store.places import Places
from smp.local.store.run_store import EXECUTING, FAILED, STOPPED, SUCCEEDED, Run, StepRecord
from tests.local.example_runs import (
    BEGAN,
    FAILED_LOG,
    begin,
    end,
    pipeline,
    step,
    write_log,
    write_step,
)
from tests.local.pipelines import Workspace, processing, statuses

CSI = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])")


class Screen:
    """A terminal of one size that knows what the live view uses, with wrapping."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[str] = [""]
        self.row = self.column = 0

    def write(self, text: str) -> None:
        position = 0
        while position < len(text):
            code = CSI.match(text, position)
            if code:
                self._obey(code[1], code[2])
                position = code.end()
            else:
                self._put(text[position])
                position += 1

    def _obey(self, number: str, letter: str) -> None:
        if letter == "A":
            self.row = max(self.row - int(number or 1), 0)
        elif letter == "K":
            self.rows[self.row] = self.rows[self.row][: self.column]
        elif letter == "J":
            self.rows[self.row] = self.rows[self.row][: self.column]
            del self.rows[self.row + 1 :]
        else:
            assert letter in "mhl", (number, letter)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
        else:
            assert character.isprintable(), repr(character)
            if self.column == self.width:
                self._down()
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append("")

    @property
    def shown(self) -> list[str]:
        return [row.rstrip() for row in self.rows if row.strip()]


class Terminal(io.StringIO):
    """A stream that says it is a terminal, with an encoding that can be chosen."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / ".smp")


@pytest.fixture
def compiled() -> CompiledPipeline:
    return pipeline("churn", step("prepare", "Processing"), step("train", "Training", ("prepare",)))


@pytest.fixture
def sized(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size that terminals have: columns and rows, to be changed in place."""
    size = [60, 24]
    monkeypatch.setattr("os.get_terminal_size", lambda _=None: os.terminal_size(size))
    monkeypatch.setattr(Terminal, "fileno", lambda _: 1)
    return size


def record(
    name: str, status: str, ended: float | None = None, reason: str | None = None
) -> StepRecord:
    return StepRecord(name, "Training", status, BEGAN, ended, 1, reason)


def failed_run(places: Places, compiled: CompiledPipeline) -> Run:
    run = begin(places, compiled)
    write_log(run, "train", FAILED_LOG)
    write_step(run, "prepare", "Processing", SUCCEEDED, 0, 1.5)
    write_step(run, "train", "Training", FAILED, 2, 3, reason="AlgorithmError: exit code 1")
    end(run, FAILED, 5)
    return run


def test_without_a_terminal_there_is_one_line_per_change(
    places: Places, compiled: CompiledPipeline
) -> None:
    out = io.StringIO()
    progress = progress_for(out, places, compiled, {"TERM": "xterm"})
    progress.step_changed(record("prepare", EXECUTING))
    progress.step_changed(record("prepare", EXECUTING))
    progress.log_line("prepare", "a line")
    progress.step_changed(record("prepare", SUCCEEDED, BEGAN + 1.5))
    progress.step_changed(StepRecord("train", "Training", SUCCEEDED, 0, 0, reused_from="earlier"))
    lines = [line.split("] ")[1] for line in out.getvalue().splitlines()]
    assert lines == [
        "prepare: executing",
        "prepare: succeeded after 1.5 s",
        "train: reused from run earlier",
    ]
    assert "\x1b" not in out.getvalue()


def test_a_failure_ends_with_log_file_and_commands(
    places: Places, compiled: CompiledPipeline
) -> None:
    out = io.StringIO()
    run = failed_run(places, compiled)
    Progress(out, places, "churn", compiled.order()).run_finished(run.record())
    text = out.getvalue()
    for shown in (
        "train failed: AlgorithmError: exit code 1\n",
        "  |     indexer = self.columns._get_indexer_strict",
        f"  the whole log:         {run.log_path('train')}\n",
        "  run this step only:    smp run churn --only train\n",
        "  run again:             smp run churn\n",
        "churn: Failed in 5.0 s (1 succeeded, 1 failed)\n",
        f"smp show {run.id}",
    ):
        assert shown in text, shown
    assert "--resume" not in text
    assert "\x1b" not in text
    assert "part 300" not in text


def test_a_stopped_run_says_how_to_go_on(places: Places, compiled: CompiledPipeline) -> None:
    out = io.StringIO()
    run = begin(places, compiled)
    end(run, STOPPED, 5)
    Progress(out, places, "churn", compiled.order()).run_finished(run.record())
    assert f"resume with: smp run churn --resume {run.id}" in out.getvalue()


def test_a_stream_of_ascii_gets_ascii(places: Places, compiled: CompiledPipeline) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    progress = Progress(out, places, "churn", compiled.order())
    progress.step_changed(record("prepare", FAILED, BEGAN + 1, "Übergröße"))
    assert b"?bergr??e" in raw.getvalue()


@pytest.mark.parametrize(
    ("terminal", "environ", "expected"),
    [
        (True, {"TERM": "xterm"}, LiveProgress),
        (True, {"TERM": "dumb"}, Progress),
        (True, {}, Progress),
        (False, {"TERM": "xterm"}, Progress),
    ],
)
def test_the_live_view_is_for_terminals_that_can_show_it(
    places: Places,
    compiled: CompiledPipeline,
    terminal: bool,
    environ: dict[str, str],
    expected: type[Progress],
) -> None:
    stream: TextIO = Terminal() if terminal else io.StringIO()
    assert type(progress_for(stream, places, compiled, environ)) is expected


def test_frames_replace_each_other(sized: list[int]) -> None:
    out, screen = Terminal(), Screen(sized[0])
    view = LiveView(out, colour=True)
    names = ("prepare", "train")
    steps = {"prepare": record("prepare", EXECUTING)}
    for number in range(5):
        view.lines["prepare"] = f"line {number} \x1b[2J" + "x" * 200
        view.draw("churn  run-1", names, steps)
    steps["prepare"] = record("prepare", SUCCEEDED, BEGAN + 1.5)
    view.draw("churn  run-1", names, steps)
    screen.write(out.getvalue())
    head, *lines = screen.shown
    assert head.startswith("churn  run-1  1 of 2 steps")
    assert lines == [" ✓ prepare  Succeeded       1.5 s", " · train    Waiting"]


def test_lines_are_cut_to_the_terminal_by_display_width(sized: list[int]) -> None:
    out, screen = Terminal(), Screen(sized[0])
    view = LiveView(out, colour=False)
    view.lines["train"] = "訓練中" * 40
    view.draw("churn", ("train",), {"train": record("train", EXECUTING)})
    screen.write(out.getvalue())
    line = screen.shown[1]
    assert line.endswith("…")
    assert len(line) + len(re.findall("[訓練中]", line)) < sized[0]


def test_a_terminal_made_narrower_keeps_one_frame(sized: list[int]) -> None:
    out = Terminal()
    view = LiveView(out, colour=False)
    view.lines["train"] = "x" * 100
    steps = {"train": record("train", EXECUTING)}
    view.draw("churn", ("train",), steps)
    written = len(out.getvalue())
    sized[0] = 30
    view.draw("churn", ("train",), steps)
    screen = Screen(30)
    screen.write(out.getvalue()[:written])
    screen.write(out.getvalue()[written:])
    assert len(screen.shown) == 2


def test_more_steps_than_rows_shows_those_that_matter(sized: list[int]) -> None:
    sized[1] = 10
    out, screen = Terminal(), Screen(sized[0])
    names = tuple(f"step-{n}" for n in range(40))
    steps = {name: record(name, SUCCEEDED, BEGAN + n) for n, name in enumerate(names[:30])}
    steps["step-3"] = record("step-3", FAILED, BEGAN + 3, "no memory")
    steps["step-31"] = record("step-31", EXECUTING)
    LiveView(out, colour=False).draw("many", names, steps)
    screen.write(out.getvalue())
    text = "\n".join(screen.shown)
    assert "no memory" in text
    assert "step-31" in text
    assert "and 33 steps more" in text
    assert len(screen.shown) == 9


def test_no_color_means_no_colour(places: Places, compiled: CompiledPipeline) -> None:
    run = failed_run(places, compiled)
    for environ, coloured in (({"NO_COLOR": "1"}, False), ({}, True)):
        out = Terminal()
        progress = progress_for(out, places, compiled, {"TERM": "xterm", **environ})
        progress.run_started(run.record(), {})
        progress.step_changed(record("train", FAILED, BEGAN + 1))
        progress.run_finished(run.record())
        assert ("\x1b[31m" in out.getvalue()) is coloured
        assert not re.search(r"\x1b\[\?25l|\x1b\[\?7l", out.getvalue())


def test_steps_that_were_done_before_a_resume_count(
    places: Places, compiled: CompiledPipeline
) -> None:
    out = io.StringIO()
    run = begin(places, compiled)
    done = {"prepare": record("prepare", SUCCEEDED, BEGAN + 1)}
    Progress(out, places, "churn", compiled.order()).run_started(run.record(), done)
    assert f"churn: run {run.id}, 2 steps, 1 step done before" in out.getvalue()


def test_many_threads_and_a_note_leave_whole_frames(
    places: Places, compiled: CompiledPipeline, sized: list[int]
) -> None:
    out, screen = Terminal(), Screen(sized[0])
    run = failed_run(places, compiled)
    progress = progress_for(out, places, compiled, {"TERM": "xterm", "NO_COLOR": "1"})
    progress.run_started(run.record(), {})

    def speak(name: str) -> None:
        progress.step_changed(record(name, EXECUTING))
        for number in range(2000):
            progress.log_line(name, f"line {number}")
        progress.note(f"a note of {name}")
        progress.step_changed(record(name, SUCCEEDED, BEGAN + 1))

    threads = [threading.Thread(target=speak, args=(name,)) for name in compiled.order()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.run_finished(run.record())
    screen.write(out.getvalue())
    text = "\n".join(screen.shown)
    assert text.count("2 of 2 steps") == 1
    assert "a note of prepare" in text
    assert "a note of train" in text
    assert text.rstrip().endswith(f"smp report {run.id}")


@contextlib.contextmanager
def nobody_reads() -> Iterator[TextIO]:
    """A stream whose reader has gone away."""
    ours, theirs = os.pipe()
    os.close(ours)
    stream = os.fdopen(theirs, "w")
    try:
        yield stream
    finally:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


@pytest.mark.parametrize("kind", [Progress, LiveProgress])
def test_a_run_goes_on_where_nobody_reads_what_is_said(
    workspace: Workspace, kind: type[Progress]
) -> None:
    compiled = workspace.pipeline(
        processing("first", ("/bin/sh", "-c", "echo a line; sleep 0.3")),
        processing("last", depends=["first"]),
    )
    more = {"colour": True} if kind is LiveProgress else {}
    with nobody_reads() as stream:
        progress = kind(stream, workspace.places, compiled.name, compiled.order(), **more)
        progress.note("a note")
        machine = replace(workspace.machine(), listener=progress)
        ended = start_run(compiled, machine, parameters={})
    assert ended.status == SUCCEEDED
    run = Run(workspace.places.runs / ended.id)
    assert statuses(run) == {"first": SUCCEEDED, "last": SUCCEEDED}


def test_a_process_without_standard_error_says_nothing(
    places: Places, compiled: CompiledPipeline
) -> None:
    progress = progress_for(None, places, compiled, {"TERM": "xterm"})
    progress.run_finished(failed_run(places, compiled).record())


def test_on_a_real_terminal_the_size_is_the_terminals_own(
    places: Places, compiled: CompiledPipeline
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as reader, os.fdopen(theirs, "w") as writer:
        progress = progress_for(writer, places, compiled, {"TERM": "xterm"})
        assert isinstance(progress, LiveProgress)
        LiveView(writer, colour=False).draw("churn", compiled.order(), {})
        assert b"prepare" in reader.read(4096)
