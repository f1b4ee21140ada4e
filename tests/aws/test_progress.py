"""Progress of executions: lines for a log, a view in place on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from smp.aws.executions import DeployedPipeline, Execution, Step
from smp.aws.progress import LiveProgress, Progress, progress_for

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STEPS = [{"Name": f"s{n}", "Type": "Training", "Arguments": {}} for n in range(3)]
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/housing"
PIPELINE = DeployedPipeline("housing", ARN, {"Steps": STEPS})


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def execution(status: str) -> Execution:
    return Execution(f"{ARN}/execution/abc", "housing", status, BEGAN)


def step(
    name: str,
    status: str,
    seconds: float | None = None,
    reason: str | None = None,
    reused_from: str | None = None,
) -> Step:
    ended = None if seconds is None else BEGAN + timedelta(seconds=seconds)
    return Step(name, status, "TrainingJob", None, BEGAN, ended, reason, 1, reused_from)


def screen(written: str) -> list[str]:
    """Return the last frame, line by line."""
    frame = written.rpartition("\r")[2]
    return frame.replace("\x1b[K", "").replace("\x1b[J", "").split("\n")[:-1]


def test_a_line_is_said_for_each_change_and_none_for_what_stays() -> None:
    stream = io.StringIO()
    progress = Progress(stream)

    for _ in range(3):
        progress.seen(PIPELINE, execution("Executing"), [step("s0", "Executing")])
    reason = "no data\nat all"
    progress.seen(PIPELINE, execution("Failed"), [step("s0", "Failed", 65.0, reason=reason)])

    said = [line.split("] ", 1)[1] for line in stream.getvalue().splitlines()]
    assert said == [
        "housing: s0: executing",
        "housing: executing, 0 of 3 steps ended",
        "housing: s0: failed after 1 min 05 s: no data at all",
        "housing: failed, 1 of 3 steps ended",
    ]


def test_a_result_of_an_earlier_execution_is_said_to_be_one() -> None:
    stream = io.StringIO()

    Progress(stream).seen(
        PIPELINE, execution("Executing"), [step("s0", "Succeeded", 1.0, reused_from="xyz")]
    )

    assert "housing: s0: succeeded, result of execution xyz\n" in stream.getvalue()


def test_on_a_terminal_each_execution_is_redrawn_in_place() -> None:
    stream = Terminal()
    progress = LiveProgress(stream, colour=False)

    progress.seen(PIPELINE, execution("Executing"), [step("s0", "Executing")])
    first = stream.getvalue()
    steps = [step("s0", "Succeeded", 12.3), step("s1", "Failed", 4.0)]
    progress.seen(PIPELINE, execution("Failed"), steps)

    assert first.count("\n") == 2
    assert "\x1b[2A\r" in stream.getvalue().removeprefix(first)
    head, *rows = screen(stream.getvalue())
    assert head.startswith("housing  abc  Failed  2 of 3 steps  ")
    assert rows == [" + s0  Succeeded       12.3 s", " x s1  Failed           4.0 s"]


def test_a_terminal_too_small_for_all_steps_shows_how_many_lines_are_left_out() -> None:
    stream = Terminal()
    steps = [step(f"s{n}", "Executing") for n in range(60)]

    LiveProgress(stream, colour=False).seen(PIPELINE, execution("Executing"), steps)

    rows = screen(stream.getvalue())
    assert len(rows) == 23
    assert rows[-1] == "  and 39 lines more"


def test_only_a_terminal_that_can_show_it_gets_the_view() -> None:
    assert type(progress_for(io.StringIO(), {"TERM": "xterm"})) is Progress
    assert type(progress_for(Terminal(), {"TERM": "dumb"})) is Progress
    live = progress_for(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"})
    assert isinstance(live, LiveProgress)


def test_colour_is_left_out_where_it_is_not_wanted() -> None:
    plain, coloured = Terminal(), Terminal()
    for stream, colour in ((plain, False), (coloured, True)):
        LiveProgress(stream, colour=colour).seen(
            PIPELINE, execution("Failed"), [step("s0", "Failed", 1.0)]
        )

    assert "\x1b[31m x\x1b[0m s0" in coloured.getvalue()
    assert "\x1b[31m" not in plain.getvalue()
