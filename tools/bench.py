"""Measures what a synth and a local run cost, against others in the same run; writes docs/benchmarks.md.

Never compares with numbers of an earlier run or another machine.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tools.bench_local import measure_local_run
from tools.bench_process import peak_memory_mib, run_timed
from tools.bench_report import Growth, Measurements, render_report, verdicts
from tools.bench_workspace import (
    ROOT,
    forget_results,
    make_bundled_app,
    make_empty_app,
    make_generated_app,
)

REPORT = ROOT / "docs" / "benchmarks.md"
UNITS = (1, 10, 50, 100)

_SYNTH = (ROOT / "tools" / "cdk", "synth", "--quiet", "--no-notices")
_PLAIN_SYNTH = (
    ROOT / ".venv" / "bin" / "node",
    ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk",
    *_SYNTH[1:],
)
_CHANGED_SCRIPT = Path("model_configs/churn_lightgbm/scripts/train.py")
_CHANGED_PIPELINE = "churn-lightgbm"


def main() -> int:
    """Measure, write the report, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements behind each median")
    rounds = parser.parse_args().rounds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles its sources anew
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        seconds, peak_mib = _measure_synth(place, rounds)
        growth = _measure_growth(place, max(2, rounds // 2))
        local = measure_local_run(place, rounds, _say)
    measurements = Measurements(rounds, seconds, peak_mib, growth, local, load_before)
    REPORT.write_text(render_report(measurements), encoding="utf-8")
    results = verdicts(measurements)
    for verdict in results:
        print(f"{verdict.mark:<6}  {verdict.text}")
    print(f"written: {REPORT.relative_to(ROOT)}")
    return 1 if any(verdict.met is False for verdict in results) else 0


def _measure_synth(place: Path, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median seconds and the peak memory of each case."""
    empty = make_empty_app(place / "empty")
    app = make_bundled_app(place / "app")
    seconds: dict[str, list[float]] = defaultdict(list)

    def measure_empty() -> None:
        forget_results(empty)
        seconds["empty"].append(run_timed(_SYNTH, empty).seconds)

    def measure_empty_plainly() -> None:
        forget_results(empty)
        seconds["plain"].append(run_timed(_PLAIN_SYNTH, empty, _plain_environment()).seconds)

    def measure_app() -> None:
        forget_results(app)
        seconds["cold"].append(run_timed(_SYNTH, app).seconds)
        seconds["unchanged"].append(run_timed(_SYNTH, app).seconds)
        _change_a_script(app, len(seconds["cold"]))
        compiled_before = _compiled_at(app)
        seconds["changed"].append(run_timed(_SYNTH, app).seconds)
        _expect_one_compilation(compiled_before, _compiled_at(app))

    measure_empty()  # the first run of each fills caches of bytecode and of unpacked packages
    measure_app()
    seconds.clear()
    for number in range(rounds):
        _say(f"synth, round {number + 1} of {rounds}")
        measures: list[Callable[[], None]] = [
            measure_empty,
            measure_empty_plainly,
            measure_app,
        ]
        for measure in measures if number % 2 == 0 else reversed(measures):
            measure()
    return {case: statistics.median(taken) for case, taken in seconds.items()}, {
        "empty": _peak_memory_cold(empty),
        "cold": _peak_memory_cold(app),
    }


def _plain_environment() -> dict[str, str]:
    """The environment without what `tools/cdk` adds to make the CDK start faster."""
    environment = {k: v for k, v in os.environ.items() if k != "NODE_COMPILE_CACHE"}
    return environment | {"JSII_NODE": str(ROOT / "tools" / "jsii-node")}


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
    seconds["cold"].append(run_timed(_SYNTH, app).seconds)
    seconds["unchanged"].append(run_timed(_SYNTH, app).seconds)
    return phases


def _peak_memory_cold(app: Path) -> float:
    forget_results(app)
    return peak_memory_mib(_SYNTH, app)


def _change_a_script(app: Path, number: int) -> None:
    with (app / _CHANGED_SCRIPT).open("a", encoding="utf-8") as script:
        script.write(f"# changed {number}\n")


def _compiled_at(app: Path) -> dict[str, int]:
    """When each pipeline was compiled last, by name."""
    kept = (app / ".smp" / "compiled").glob("*.json")
    return {path.stem: path.stat().st_mtime_ns for path in kept}


def _expect_one_compilation(before: dict[str, int], after: dict[str, int]) -> None:
    again = [name for name, time in after.items() if before.get(name) != time]
    if again != [_CHANGED_PIPELINE]:
        raise RuntimeError(f"one script changed, and these were compiled again: {again}")


def _say(doing: str) -> None:
    print(f"==> {doing}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
