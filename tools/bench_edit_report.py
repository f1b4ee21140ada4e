"""Costs of the edit loop: their table in the report, and the bars that they are held against."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.bench_verdict import Verdict

EMPTY = "empty"
PLAIN = "plain"
CASES = {
    PLAIN: "empty CDK app, run by the CDK's command line alone",
    EMPTY: "the same app, run by `tools/cdk`",
    "cold": "this app with its bundled models, nothing kept from before",
    "unchanged": "the same again, nothing changed",
    "script": "the same again, one script changed",
    "value": "the same again, one value of one config changed",
}
BARS = {
    "unchanged": ("unchanged synth", 0.3),
    "script": ("synth after one script changed", 1.4),
    "value": ("synth after one value of one config changed", 1.8),
    "cold": ("cold synth", 2.0),
}
VALIDATE_SECONDS_AT_MOST = 0.5
WITH_BYTECODE = "bytecode is written"
WITHOUT_BYTECODE = "PYTHONDONTWRITEBYTECODE=1"


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock, and of all processors for it and its children."""

    seconds: float
    cpu_seconds: float


Round = Mapping[str, Cost]
"""The cost of each case, all measured in the same minutes."""


@dataclass(frozen=True)
class EditLoop:
    """Rounds by whether Python writes bytecode, and what `smp validate` took."""

    rounds: Mapping[str, Sequence[Round]]
    validations: Sequence[float]
    peak_mib: Mapping[str, float]

    def seconds(self, mode: str, case: str) -> float:
        return statistics.median(each[case].seconds for each in self.rounds[mode])

    def cpu_seconds(self, mode: str, case: str) -> float:
        return statistics.median(each[case].cpu_seconds for each in self.rounds[mode])

    def ratio(self, mode: str, case: str, baseline: str = EMPTY) -> float:
        """The middle one of the rounds' ratios."""
        return statistics.median(
            each[case].seconds / each[baseline].seconds for each in self.rounds[mode]
        )

    def cpu_ratio(self, mode: str, case: str, baseline: str = EMPTY) -> float:
        return statistics.median(
            each[case].cpu_seconds / each[baseline].cpu_seconds for each in self.rounds[mode]
        )

    @property
    def validate_seconds(self) -> float:
        return statistics.median(self.validations)


def edit_loop_section(measured: EditLoop) -> Iterator[str]:
    """Yield the tables."""
    count = len(next(iter(measured.rounds.values())))
    yield from (
        f"`cdk synth`: medians of {count} rounds, after one that is not counted; in each round all cases "
        "take turns at being first. A ratio is the median of the rounds' ratios to the empty app, which "
        "has one empty stack and this app's feature flags and is run in the same way, by `tools/cdk`. "
        "CPU is user and system time of all processes of a run: other work on the machine moves it less "
        "than the clock's.",
        "",
    )
    for mode in measured.rounds:
        yield from _mode_table(measured, mode)
    yield from (
        "Peak memory: resident memory of all processes of one run, added up.",
        "",
        f"`smp validate` of the bundled models: {measured.validate_seconds:.2f} s.",
        "",
    )


def _mode_table(measured: EditLoop, mode: str) -> Iterator[str]:
    yield from (
        f"### {mode}",
        "",
        "| case | seconds | ratio | ratio to plain | CPU | CPU ratio | peak memory |",
        "|---|---|---|---|---|---|---|",
    )
    for case, name in CASES.items():
        memory = measured.peak_mib.get(case)
        yield (
            f"| {name} | {measured.seconds(mode, case):.2f} | {measured.ratio(mode, case):.2f}x "
            f"| {measured.ratio(mode, case, PLAIN):.2f}x | {measured.cpu_seconds(mode, case):.2f} s "
            f"| {measured.cpu_ratio(mode, case):.2f}x | {f'{memory:.0f} MiB' if memory else '-'} |"
        )
    yield ""


def edit_loop_verdicts(measured: EditLoop) -> Iterator[Verdict]:
    """Hold the measurements against the bars."""
    for mode in measured.rounds:
        for case, (name, bar) in BARS.items():
            ratio = measured.ratio(mode, case)
            text = f"{name}, {mode}: {ratio:.2f}x the empty app's, at most {bar}x"
            yield Verdict(text, ratio <= bar)
    seconds = measured.validate_seconds
    yield Verdict(
        f"`smp validate`: {seconds:.2f} s, at most {VALIDATE_SECONDS_AT_MOST} s",
        seconds <= VALIDATE_SECONDS_AT_MOST,
    )
