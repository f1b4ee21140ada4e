"""Measures what a synth and a local run cost, against others in the same run; writes docs/benchmarks.md.

A part that was not measured keeps its section. Never compares with numbers of an earlier run or another
machine.
"""

import argparse
import datetime
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.bench_edit_loop import SYNTH, measure_edit_loop
from tools.bench_edit_report import edit_loop_section, edit_loop_verdicts
from tools.bench_local import measure_local_run
from tools.bench_process import machine, peak_memory_mib, run_timed
from tools.bench_report import (
    Growth,
    growth_section,
    growth_verdicts,
    local_section,
    local_verdicts,
)
from tools.bench_verdict import Verdict, verdict_table
from tools.bench_workspace import ROOT, forget_results, make_generated_app

REPORT = ROOT / "docs" / "benchmarks.md"
UNITS = (1, 10, 50, 100)
HEADER = "# Benchmarks\n\nWritten by `make bench`; not to be edited by hand.\n"


@dataclass(frozen=True)
class Measured:
    """The lines of a part's section, and its bars."""

    lines: Sequence[str]
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class Part:
    """A part of the benchmark, which is a section of the report."""

    title: str
    measure: Callable[[Path, int], Measured]


def main() -> int:
    """Measure, write the report, and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; else all")
    parser.add_argument("--rounds", type=int, default=5, help="measurements behind each median")
    arguments = parser.parse_args()
    chosen = arguments.parts or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles its sources anew
    verdicts: list[Verdict] = []
    for name in chosen:
        part = PARTS[name]
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as directory:
            measured = part.measure(Path(directory), arguments.rounds)
        verdicts += measured.verdicts
        section = "\n".join([f"## {part.title}", "", *_conditions(load), *_content(measured)])
        known = REPORT.read_text("utf-8") if REPORT.exists() else ""
        titles = [each.title for each in PARTS.values()]
        REPORT.write_text(with_section(known, titles, part.title, section), "utf-8")
    for verdict in verdicts:
        print(f"{verdict.mark:<6}  {verdict.text}")
    print(f"written: {REPORT.relative_to(ROOT)}")
    return 1 if any(verdict.met is False for verdict in verdicts) else 0


def with_section(report: str, titles: Iterable[str], title: str, section: str) -> str:
    """Return a report with one section anew and those of the other titles as they are."""
    sections = {text.partition("\n")[0]: text for text in report.split("\n## ")[1:]}
    sections[title] = section.removeprefix("## ")
    kept = [f"## {sections[each].strip()}\n" for each in titles if each in sections]
    return "\n".join([HEADER, *kept])


def _conditions(load: float) -> Iterable[str]:
    return (
        f"- Date: {datetime.datetime.now(tz=datetime.UTC).date().isoformat()}",
        f"- Machine: {machine()}",
        f"- Load average before: {load:.2f}. Above 0.5 something else ran.",
        "- Every time is that of a whole process, from its start to its end.",
        "",
    )


def _content(measured: Measured) -> Iterable[str]:
    return (*measured.lines, *verdict_table(measured.verdicts))


def _edit_loop(place: Path, rounds: int) -> Measured:
    measured = measure_edit_loop(place, rounds, _say)
    return Measured(tuple(edit_loop_section(measured)), tuple(edit_loop_verdicts(measured)))


def _growth(place: Path, rounds: int) -> Measured:
    growth = _measure_growth(place, max(2, rounds // 2))
    return Measured(tuple(growth_section(growth)), tuple(growth_verdicts(growth)))


def _local_run(place: Path, rounds: int) -> Measured:
    local = measure_local_run(place, rounds, _say)
    return Measured(tuple(local_section(local)), tuple(local_verdicts(local)))


PARTS: Mapping[str, Part] = {
    "edit-loop": Part("Edit loop", _edit_loop),
    "growth": Part("Generated models", _growth),
    "local-run": Part("Local run", _local_run),
}


def _measure_growth(place: Path, rounds: int) -> list[Growth]:
    """Measure every count of generated models once a round, so that all meet the same machine."""
    apps = {units: make_generated_app(place / f"units-{units}", units) for units in UNITS}
    seconds: dict[int, dict[str, list[float]]] = {units: defaultdict(list) for units in UNITS}
    compiled: dict[int, dict[str, float]] = {}
    for number in range(rounds):
        for units, app in apps.items():
            _say(f"{units} generated models, round {number + 1} of {rounds}")
            compiled[units] = _measure_generated(app, seconds[units])
    return [
        Growth(
            units=units,
            steps=int(compiled[units]["steps"]),
            seconds={name: min(taken) for name, taken in seconds[units].items()},
            compile_peak_mib=compiled[units]["peak_mib"],
            synth_peak_mib=_peak_memory_cold(app),
        )
        for units, app in apps.items()
    ]


def _measure_generated(app: Path, seconds: dict[str, list[float]]) -> dict[str, float]:
    forget_results(app)
    command = (sys.executable, "-m", "tools.bench_compile", app)
    phases: dict[str, float] = json.loads(run_timed(command, ROOT).output)
    for name in ("load", "import", "compile"):
        seconds[name].append(phases[f"{name}_seconds"])
    forget_results(app)
    cold = run_timed(SYNTH, app)
    seconds["cold"].append(cold.seconds)
    seconds["cold_cpu"].append(cold.cpu_seconds)
    seconds["unchanged"].append(run_timed(SYNTH, app).seconds)
    return phases


def _peak_memory_cold(app: Path) -> float:
    forget_results(app)
    return peak_memory_mib(SYNTH, app)


def _say(doing: str) -> None:
    print(f"==> {doing}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
