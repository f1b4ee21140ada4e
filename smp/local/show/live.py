"""Draws the steps of a run on a terminal, in place: one line a step, no wider than the terminal.

It leaves the terminal as it found it, and works on without one.
"""

from __future__ import annotations

import contextlib
import os
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TextIO

from smp.local.show.commands import REUSED, WAITING, shown_state
from smp.local.show.results import outcome_summary
from smp.local.store.run_store import (
    EXECUTING,
    FAILED,
    FINISHED,
    SKIPPED,
    STARTING,
    STOPPED,
    SUCCEEDED,
    StepRecord,
)
from smp.text.human import clean_line, counted, duration, printable

MARKS: Mapping[str, tuple[str, str, str]] = {
    SUCCEEDED: ("✓", "+", "32"),
    REUSED: ("↺", "=", "36"),
    FAILED: ("✗", "x", "31"),
    STOPPED: ("■", "!", "33"),
    SKIPPED: ("○", "-", "2"),
    WAITING: ("·", ".", "2"),
    STARTING: ("·", ".", "2"),
}
"""By state: the mark, the mark of a terminal that has ASCII only, the colour's code."""

SPINNER, ASCII_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
RUNNING_COLOUR, BOLD, DIM = "34", "1", "2"
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Ask the terminal to show a frame at once; one that cannot ignores it."""
CLEAR_LINE, CLEAR_BELOW = "\x1b[K", "\x1b[J"
MIN_WIDTH, MIN_ROWS = 20, 4
MAX_NAME_WIDTH = 44


class LiveView:
    """What stands at the bottom of the terminal. Its caller holds a lock around every call."""

    interval = 0.15

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self.lines: dict[str, str] = {}
        """The latest log line of each step."""
        self._stream = stream
        self._colour = colour
        self._unicode = _can_write(stream, SPINNER + "✓↺✗■○·…")
        self._drawn: list[int] = []
        self._began = time.monotonic()

    def draw(self, title: str, names: Sequence[str], steps: Mapping[str, StepRecord]) -> None:
        """Replace the frame."""
        width, rows = self._size()
        shown, hidden = _choose(names, steps, rows - 3)
        name_width = min(max((_width(name) for name in shown), default=0), MAX_NAME_WIDTH)
        frame = [self._head(title, names, steps, width)]
        frame += [self._step(name, steps.get(name), name_width, width) for name in shown]
        if hidden:
            frame.append(
                self._paint(self._fit(f"  and {counted(hidden, 'step')} more", width), DIM)
            )
        text = "".join(f"{line}{CLEAR_LINE}\n" for line in frame)
        self._write(f"{BEGIN}{self._up(width)}{text}{CLEAR_BELOW}{END}")
        self._drawn = [_width(clean_line(line)) for line in frame]

    def write_above(self, text: str) -> None:
        """Write a line that scrolls away above the frame; the next frame comes below it."""
        width, _ = self._size()
        self._write(f"{self._up(width)}{CLEAR_BELOW}{self._printable(text)}\n")
        self._drawn = []

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _size(self) -> tuple[int, int]:
        try:
            width, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            width, rows = 80, 24
        return max(width or 80, MIN_WIDTH), max(rows or 24, MIN_ROWS)

    def _up(self, width: int) -> str:
        """Go to the frame's first row; a terminal made narrower has wrapped the lines drawn before."""
        rows = sum(max(1, -(-drawn // width)) for drawn in self._drawn)
        return f"\x1b[{rows}A\r" if rows else "\r"

    def _head(
        self, title: str, names: Sequence[str], steps: Mapping[str, StepRecord], width: int
    ) -> str:
        ended = sum(1 for name in names if name in steps and steps[name].status in FINISHED)
        parts = [title, f"{ended} of {counted(len(names), 'step')}"]
        parts.append(duration(time.monotonic() - self._began))
        return self._paint(self._fit("  ".join(part for part in parts if part), width), BOLD)

    def _step(self, name: str, step: StepRecord | None, name_width: int, width: int) -> str:
        state = shown_state(step)
        mark, colour = self._mark(state)
        took = duration(step.seconds) if step and state not in (REUSED, SKIPPED) else ""
        label = _pad(_cut(self._printable(name), name_width, self._ellipsis), name_width)
        head = f" {mark} {label}  {'Running' if state == EXECUTING else state:<9}  {took:>10}"
        detail = self._detail(name, step)
        line = self._fit(f"{head}  {detail}" if detail else head, width)
        painted = self._paint(line[: len(f" {mark}")], colour) + line[len(f" {mark}") :]
        if len(line) > len(head):
            split = len(painted) - (len(line) - len(head))
            painted = painted[:split] + self._paint(painted[split:], DIM)
        return painted

    def _detail(self, name: str, step: StepRecord | None) -> str:
        if step is None:
            return ""
        if step.reused_from:
            return f"from run {step.reused_from}"
        if step.status in FINISHED:
            return (step.reason or outcome_summary(step)).partition("\n")[0]
        attempt = f"attempt {step.attempts}: " if step.attempts > 1 else ""
        return attempt + self.lines.get(name, "").strip()

    def _mark(self, state: str) -> tuple[str, str]:
        if state == EXECUTING:
            frames = SPINNER if self._unicode else ASCII_SPINNER
            turn = int((time.monotonic() - self._began) / self.interval)
            return frames[turn % len(frames)], RUNNING_COLOUR
        mark, plain, colour = MARKS[state]
        return (mark if self._unicode else plain), colour

    @property
    def _ellipsis(self) -> str:
        return "…" if self._unicode else "~"

    def _fit(self, text: str, width: int) -> str:
        """Cut a line so that it leaves the last column free: some terminals wrap after it."""
        return _cut(self._printable(text), width - 1, self._ellipsis)

    def _printable(self, text: str) -> str:
        return printable(text, getattr(self._stream, "encoding", None))

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour and text else text


def _choose(
    names: Sequence[str], steps: Mapping[str, StepRecord], room: int
) -> tuple[list[str], int]:
    """Return the steps to show, in order, and how many have no room: first to go are those that wait."""
    if len(names) <= room:
        return list(names), 0
    urgency = {FAILED: 0, EXECUTING: 1, STOPPED: 2, STARTING: 3, WAITING: 5}
    ranked = sorted(
        range(len(names)),
        key=lambda n: (
            urgency.get(shown_state(steps.get(names[n])), 4),
            -(_ended(steps.get(names[n]))),
            n,
        ),
    )
    kept = sorted(ranked[: max(room, 0)])
    return [names[n] for n in kept], len(names) - len(kept)


def _ended(step: StepRecord | None) -> float:
    return (step.ended or 0.0) if step else 0.0


def _width(text: str) -> int:
    """Return the columns a text takes: wide letters two, combining marks none."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, width: int, ellipsis: str) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _columns(character)
        if used > width:
            kept = text[:index]
            while kept and _width(kept) >= width:
                kept = kept[:-1]
            return kept + ellipsis
    return text


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
