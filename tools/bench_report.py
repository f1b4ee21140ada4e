"""Turns measurements into a report and holds them against the bars.

Never measures and never writes a file.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.bench_process import machine

COLD_AT_MOST = 1.6
UNCHANGED_AT_MOST = 0.5
CHANGED_AT_MOST = 1.6
STEP_MILLISECONDS_AT_MOST = 10.0
GROWTH_AT_MOST = 1.25
"""How much dearer a further model may be between the larger counts than between the smaller."""


@dataclass(frozen=True)
class Growth:
    """What so many generated models cost: the fewest seconds of each phase, and memory."""

    units: int
    steps: int
    seconds: dict[str, float]
    compile_peak_mib: float
    synth_peak_mib: float

    @property
    def milliseconds_per_step(self) -> float:
        return 1000 * self.seconds["compile"] / self.steps


@dataclass(frozen=True)
class Measurements:
    """Everything measured in one run."""

    rounds: int
    seconds: dict[str, float]
    peak_mib: dict[str, float]
    growth: list[Growth]
    load_before: float
    """The machine's load average before the first measurement: above 0.5 something else ran."""

    def ratio(self, case: str, baseline: str = "empty") -> float:
        return self.seconds[case] / self.seconds[baseline]


@dataclass(frozen=True)
class Verdict:
    """One bar, in words, and whether it is met."""

    text: str
    met: bool


def verdicts(measured: Measurements) -> list[Verdict]:
    """Hold the measurements against every bar."""
    ratios = (
        ("cold", "cold synth", COLD_AT_MOST),
        ("unchanged", "unchanged synth", UNCHANGED_AT_MOST),
        ("changed", "synth after one script changed", CHANGED_AT_MOST),
    )
    results = [
        Verdict(
            f"{name}: {measured.ratio(case):.2f}x the empty app's, at most {bar}x",
            measured.ratio(case) <= bar,
        )
        for case, name, bar in ratios
    ]
    largest = measured.growth[-1]
    results.append(
        Verdict(
            f"compiling {largest.units} models: {largest.milliseconds_per_step:.1f} ms a step, "
            f"at most {STEP_MILLISECONDS_AT_MOST:.0f} ms",
            largest.milliseconds_per_step <= STEP_MILLISECONDS_AT_MOST,
        )
    )
    for phase, name in (("compile", "compiling"), ("cold", "a cold synth")):
        small, large = marginal_seconds(measured.growth, phase)
        results.append(
            Verdict(
                f"growth of {name}: a further model costs {1000 * large:.0f} ms among many, "
                f"{1000 * small:.0f} ms among few, at most {GROWTH_AT_MOST}x",
                large <= GROWTH_AT_MOST * small,
            )
        )
    return results


def marginal_seconds(growth: Sequence[Growth], phase: str) -> tuple[float, float]:
    """Return what one further model costs between the last three counts, which are far apart."""

    def between(fewer: Growth, more: Growth) -> float:
        return (more.seconds[phase] - fewer.seconds[phase]) / (more.units - fewer.units)

    return between(growth[-3], growth[-2]), between(growth[-2], growth[-1])


def render_report(measured: Measurements) -> str:
    """Return the report as Markdown."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`; not to be edited by hand.",
            "",
            f"- Date: {datetime.datetime.now(tz=datetime.UTC).date().isoformat()}",
            f"- Machine: {machine()}",
            f"- Load average before: {measured.load_before:.2f}",
            f"- Medians of {measured.rounds} rounds; in each round the empty app and this one take "
            "turns at being first.",
            "- Every time is that of a whole process, from its start to its end, after one round that "
            "is not counted.",
            "",
            *_synth_section(measured),
            *_growth_section(measured.growth),
            *_verdict_section(measured),
        ]
    )


def _synth_section(measured: Measurements) -> Iterator[str]:
    cases = (
        ("plain", "empty CDK app, run by the CDK's command line alone"),
        ("empty", "the same app run by `tools/cdk`, which keeps compiled JavaScript"),
        ("cold", "this app with its bundled models, nothing kept from before"),
        ("unchanged", "the same again, nothing changed"),
        ("changed", "the same again, one script changed: only its pipeline is compiled"),
    )
    yield from ("## `cdk synth`", "")
    yield from (
        "| case | seconds | of the empty app | of the empty app, plain | peak memory |",
        "|---|---|---|---|---|",
    )
    for case, name in cases:
        memory = measured.peak_mib.get(case)
        shown = f"{memory:.0f} MiB" if memory else "-"
        yield (
            f"| {name} | {measured.seconds[case]:.2f} | {measured.ratio(case):.2f}x "
            f"| {measured.ratio(case, 'plain'):.2f}x | {shown} |"
        )
    yield from (
        "",
        "The empty app has one empty stack and this app's feature flags. Every other case is run by "
        "`tools/cdk`; the bars are held against the empty app run in the same way.",
        "Peak memory: resident memory of all processes of one run, added up.",
        "",
    )


def _growth_section(growth: Sequence[Growth]) -> Iterator[str]:
    yield from (
        "## Generated models",
        "",
        "Each model is a pipeline of six steps of its own, one of every class. Times are the fastest of "
        "all rounds, which is what the work itself takes.",
        "",
        "| models | steps | load and check | import of the SDK | compile | a step | "
        "synth, cold | synth, unchanged | peak, compile | peak, synth |",
        "|---|---|---|---|---|---|---|---|---|---|",
    )
    for count in growth:
        taken = count.seconds
        yield (
            f"| {count.units} | {count.steps} | {taken['load']:.2f} s | {taken['import']:.2f} s "
            f"| {taken['compile']:.2f} s | {count.milliseconds_per_step:.1f} ms "
            f"| {taken['cold']:.2f} s | {taken['unchanged']:.2f} s "
            f"| {count.compile_peak_mib:.0f} MiB | {count.synth_peak_mib:.0f} MiB |"
        )
    yield ""


def _verdict_section(measured: Measurements) -> Iterator[str]:
    yield from ("## Bars", "", "| bar | met |", "|---|---|")
    for verdict in verdicts(measured):
        yield f"| {verdict.text} | {'yes' if verdict.met else '**no**'} |"
    yield ""
