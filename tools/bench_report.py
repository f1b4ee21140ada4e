"""Turns measurements of growth and of the local run into sections and holds them against the bars.

Never measures and never writes a file.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.bench_verdict import Verdict

STEP_MILLISECONDS_AT_MOST = 10.0
LOCAL_RUN_AT_MOST = 1.03
ORCHESTRATION_MILLISECONDS_AT_MOST = 10.0
SPEED_UP_AT_LEAST = 1.6
PIPELINE_MILLISECONDS_AT_MOST = 70.0
FIRST_JOB_SECONDS_AT_MOST = 0.3
GROWTH_AT_MOST = 1.25
"""How much dearer a further model may be between the larger counts than between the smaller."""
REST = "all else"


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
class Timed:
    """The seconds of a whole command, those of its steps by name, and those before its first step."""

    seconds: float
    steps: Mapping[str, float]
    before_first: float = 0.0


@dataclass(frozen=True)
class Example:
    """An example by hand and by `smp run`, pair by pair; `problem` is the reason if there are none."""

    name: str
    pairs: tuple[tuple[Timed, Timed], ...] = ()
    problem: str | None = None

    @property
    def by_hand(self) -> float:
        return statistics.median(hand.seconds for hand, _ in self.pairs)

    @property
    def locally(self) -> float:
        return statistics.median(locally.seconds for _, locally in self.pairs)

    @property
    def first_job_seconds(self) -> float:
        """From the start of `smp run` to the start of its first step."""
        return statistics.median(locally.before_first for _, locally in self.pairs)

    @property
    def ratio(self) -> float:
        """The middle one of the pairs' ratios: of all estimates it is the one that scatters least."""
        return statistics.median(self._ratios)

    @property
    def ratio_error(self) -> float:
        """How far the ratio may be from that of endless rounds: the standard error of a median."""
        if len(self.pairs) < 2:
            return math.inf
        spread = statistics.stdev(self._ratios)
        return math.sqrt(math.pi / 2) * spread / math.sqrt(len(self.pairs))

    @property
    def stages(self) -> dict[str, tuple[float, float]]:
        """The median seconds by hand and by `smp run` of each script, and of all else."""
        scripts = list(self.pairs[0][0].steps)
        hands, locals_ = zip(*self.pairs, strict=True)
        found = {name: (_of_step(hands, name), _of_step(locals_, name)) for name in scripts}
        return {**found, REST: (_of_rest(hands, scripts), _of_rest(locals_, scripts))}

    @property
    def _ratios(self) -> list[float]:
        return [locally.seconds / hand.seconds for hand, locally in self.pairs]


def _of_step(side: Sequence[Timed], step: str) -> float:
    return statistics.median(timed.steps[step] for timed in side)


def _of_rest(side: Sequence[Timed], scripts: Sequence[str]) -> float:
    return statistics.median(
        timed.seconds - sum(timed.steps[name] for name in scripts) for timed in side
    )


@dataclass(frozen=True)
class Branches:
    """Median seconds of two branches of busy steps, with one job at once and with two."""

    one_at_once: float
    two_at_once: float

    @property
    def speed_up(self) -> float:
        return self.one_at_once / self.two_at_once


@dataclass(frozen=True)
class LocalRun:
    """What running pipelines on this machine costs. `branches` is None on a single core."""

    examples: tuple[Example, ...]
    step_milliseconds: float
    steps: int
    branches: Branches | None


def growth_verdicts(growth: Sequence[Growth]) -> Iterator[Verdict]:
    """Hold the measurements against the bars."""
    largest = growth[-1]
    yield Verdict(
        f"compiling {largest.units} models: {largest.milliseconds_per_step:.1f} ms a step, "
        f"at most {STEP_MILLISECONDS_AT_MOST:.0f} ms",
        largest.milliseconds_per_step <= STEP_MILLISECONDS_AT_MOST,
    )
    further = 1000 * marginal_seconds(growth, "cold")[1]
    yield Verdict(
        f"a further pipeline at {largest.units}: {further:.0f} ms of a cold synth, "
        f"at most {PIPELINE_MILLISECONDS_AT_MOST:.0f} ms",
        further <= PIPELINE_MILLISECONDS_AT_MOST,
    )
    for phase, name in (("compile", "compiling"), ("cold", "a cold synth")):
        small, large = marginal_seconds(growth, phase)
        yield Verdict(
            f"growth of {name}: a further model costs {1000 * large:.0f} ms among many, "
            f"{1000 * small:.0f} ms among few, at most {GROWTH_AT_MOST}x",
            large <= GROWTH_AT_MOST * small,
        )


def local_verdicts(local: LocalRun) -> Iterator[Verdict]:
    for example in local.examples:
        name = f"local run of {example.name}"
        if example.problem:
            yield Verdict(f"{name}: not measured: {example.problem}", None)
            continue
        text = f"{name}: {example.ratio:.3f}x its bare scripts, at most {LOCAL_RUN_AT_MOST}x"
        yield Verdict(text, example.ratio <= LOCAL_RUN_AT_MOST)
        seconds = example.first_job_seconds
        yield Verdict(
            f"`smp run {example.name}` to its first job: {seconds:.2f} s, "
            f"at most {FIRST_JOB_SECONDS_AT_MOST} s",
            seconds <= FIRST_JOB_SECONDS_AT_MOST,
        )
    yield Verdict(
        f"orchestration: {local.step_milliseconds:.1f} ms a step, "
        f"at most {ORCHESTRATION_MILLISECONDS_AT_MOST:.0f} ms",
        local.step_milliseconds <= ORCHESTRATION_MILLISECONDS_AT_MOST,
    )
    if local.branches is None:
        yield Verdict("two branches on two cores: not measured: there is one core", None)
    else:
        speed_up = local.branches.speed_up
        yield Verdict(
            f"two branches on two cores: {speed_up:.2f}x as fast as on one, "
            f"at least {SPEED_UP_AT_LEAST}x",
            speed_up >= SPEED_UP_AT_LEAST,
        )


def marginal_seconds(growth: Sequence[Growth], phase: str) -> tuple[float, float]:
    """Return what one further model costs between the last three counts, which are far apart."""

    def between(fewer: Growth, more: Growth) -> float:
        return (more.seconds[phase] - fewer.seconds[phase]) / (more.units - fewer.units)

    return between(growth[-3], growth[-2]), between(growth[-2], growth[-1])


def growth_section(growth: Sequence[Growth]) -> Iterator[str]:
    yield from (
        "Each model is a separate pipeline of six steps, one of every class. Times are the fastest of "
        "all rounds, which is what the work itself takes.",
        "",
        "| models | steps | load and check | import of the SDK | compile | a step | "
        "synth, cold | its CPU | synth, unchanged | peak, compile | peak, synth |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    )
    for count in growth:
        taken = count.seconds
        yield (
            f"| {count.units} | {count.steps} | {taken['load']:.2f} s | {taken['import']:.2f} s "
            f"| {taken['compile']:.2f} s | {count.milliseconds_per_step:.1f} ms "
            f"| {taken['cold']:.2f} s | {taken['cold_cpu']:.2f} s | {taken['unchanged']:.2f} s "
            f"| {count.compile_peak_mib:.0f} MiB | {count.synth_peak_mib:.0f} MiB |"
        )
    yield ""


def local_section(local: LocalRun) -> Iterator[str]:
    yield from (
        "Each example by hand and by `smp run --fresh --jobs 1`, in turns after a first run that is not "
        "counted: the same scripts, data, hyperparameters and interpreters, each side one command. By "
        "hand means a script in Python that makes the directories of the container, copies inputs, runs "
        "each script, packs the model, unpacks it and serves it over HTTP; no sandbox, no records, no "
        "registry.",
        "",
        "Every figure is its own median over all rounds, so also the ratio: the two of a round "
        "meet the same minute of the machine. `±` is the ratio's standard error: the same command takes "
        "longer in one round than in another by more than the bar allows. A stage is a script with its "
        "inputs and outputs; all else is what the command takes before, between and after them, and "
        "steps that by hand there are none of.",
        "",
        "What `smp run` adds does not grow with the work: its own start, a sandbox and records for each "
        "job, and for a training by a script the launcher of the service, which starts Python twice more. "
        "A pipeline of seconds shows it, one of minutes does not.",
        "",
        "| example | rounds | by hand | `smp run` | ratio |",
        "|---|---|---|---|---|",
    )
    for example in local.examples:
        if example.problem:
            yield f"| {example.name} | 0 | not measured: {example.problem} | - | - |"
            continue
        yield (
            f"| {example.name} | {len(example.pairs)} | {example.by_hand:.2f} s "
            f"| {example.locally:.2f} s | {example.ratio:.3f}x ± {example.ratio_error:.3f} |"
        )
    yield from (
        "",
        "| example | stage | by hand | `smp run` | difference |",
        "|---|---|---|---|---|",
    )
    for example in local.examples:
        if not example.problem:
            for stage, (hand, locally) in example.stages.items():
                yield (
                    f"| {example.name} | {stage} | {hand:.2f} s | {locally:.2f} s "
                    f"| {1000 * (locally - hand):.0f} ms |"
                )
    yield from (
        "",
        f"Orchestration: a run of {local.steps} steps that do nothing, one after the other, costs "
        f"{local.step_milliseconds:.1f} ms a step on top of its command. That is the time of the run less "
        "that of the same commands in the same sandbox with nothing around them, by the number of steps.",
        "",
    )
    if local.branches is not None:
        yield from (
            f"Two branches of two busy steps each: {local.branches.one_at_once:.2f} s with `--jobs 1`, "
            f"{local.branches.two_at_once:.2f} s with `--jobs 2`: "
            f"{local.branches.speed_up:.2f}x as fast.",
            "",
        )
