"""A bar, and whether a measurement meets it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One bar, in words, and whether it is met; None if it could not be measured."""

    text: str
    met: bool | None

    @property
    def mark(self) -> str:
        return {True: "met", False: "MISSED", None: "-"}[self.met]


def verdict_table(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield the verdicts as a table."""
    marks = {True: "yes", False: "**no**", None: "-"}
    yield from ("| bar | met |", "|---|---|")
    for verdict in verdicts:
        yield f"| {verdict.text} | {marks[verdict.met]} |"
    yield ""
