"""Measures what an edit costs: a cold synthesis, one after a change, one without, and `smp validate`.

Every case of a round is measured against the empty app of the same round.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.bench_edit_report import (
    EMPTY,
    PLAIN,
    WITH_BYTECODE,
    WITHOUT_BYTECODE,
    Cost,
    EditLoop,
    Round,
)
from tools.bench_process import peak_memory_mib, run_timed
from tools.bench_workspace import ROOT, forget_results, make_bundled_app, make_empty_app

SYNTH = (ROOT / "tools" / "cdk", "synth", "--quiet", "--no-notices")
PLAIN_SYNTH = (
    ROOT / ".venv" / "bin" / "node",
    ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk",
    *SYNTH[1:],
)
PLAIN_VARIABLES = frozenset({"NODE_COMPILE_CACHE", "JSII_NODE"})
"""What `tools/cdk` sets to start faster."""

MODES: Mapping[str, Mapping[str, str]] = {
    WITH_BYTECODE: {},
    WITHOUT_BYTECODE: {"PYTHONDONTWRITEBYTECODE": "1"},
}
SCRIPT = Path("model_configs/churn_lightgbm/scripts/train.py")
CONFIG = Path("model_configs/churn_lightgbm/conf/conf.yaml")
VALUE = "num_boost_round: 400"
CHANGED_PIPELINE = "churn-lightgbm"
VALIDATE = (Path(sys.executable).with_name("smp"), "validate")


def measure_edit_loop(place: Path, rounds: int, say: Callable[[str], None]) -> EditLoop:
    """Measure all cases in both modes, below `place`."""
    loops = {mode: _Loop(place / str(n), MODES[mode]) for n, mode in enumerate(MODES)}
    measured: dict[str, list[Round]] = {mode: [] for mode in MODES}
    for mode, loop in loops.items():
        say(f"edit loop, {mode}, a first round")
        loop.round(0)  # it fills caches of bytecode and of unpacked packages
    validations = []
    for number in range(1, rounds + 1):
        for mode, loop in loops.items():
            say(f"edit loop, {mode}, round {number} of {rounds}")
            measured[mode].append(loop.round(number))
        validations.append(run_timed(VALIDATE, ROOT).seconds)
    loop = loops[WITH_BYTECODE]
    return EditLoop(
        measured, validations, {EMPTY: loop.peak(loop.empty), "cold": loop.peak(loop.app)}
    )


class _Loop:
    """An empty app and this one, edited round by round in one mode."""

    def __init__(self, place: Path, variables: Mapping[str, str]) -> None:
        self.empty = make_empty_app(place / "empty")
        self.app = make_bundled_app(place / "app")
        self._environment = {**_without_bytecode_setting(), **variables}

    def round(self, number: int) -> Round:
        """Measure every case once; the empty app comes first in one round, last in the next."""
        empty = (self._empty, self._edits)
        costs: dict[str, Cost] = {}
        for measure in empty if number % 2 else reversed(empty):
            costs |= measure(number)
        return costs

    def peak(self, app: Path) -> float:
        forget_results(app)
        return peak_memory_mib(SYNTH, app)

    def _empty(self, _: int) -> Round:
        forget_results(self.empty)
        cost = self._run(self.empty)
        forget_results(self.empty)
        plain = {k: v for k, v in self._environment.items() if k not in PLAIN_VARIABLES}
        ended = run_timed(PLAIN_SYNTH, self.empty, plain)
        return {EMPTY: cost, PLAIN: Cost(ended.seconds, ended.cpu_seconds)}

    def _edits(self, number: int) -> Round:
        forget_results(self.app)
        costs = {"cold": self._run(self.app), "unchanged": self._run(self.app)}
        before = _compiled_at(self.app)
        with (self.app / SCRIPT).open("a", encoding="utf-8") as script:
            script.write(f"# changed {number}\n")
        costs["script"] = self._run(self.app)
        config = self.app / CONFIG
        was = config.read_text("utf-8")
        config.write_text(was.replace(VALUE, f"num_boost_round: {401 + number}"), "utf-8")
        costs["value"] = self._run(self.app)
        _expect_one_compilation(before, _compiled_at(self.app))
        config.write_text(was, "utf-8")
        return costs

    def _run(self, app: Path) -> Cost:
        ended = run_timed(SYNTH, app, self._environment)
        return Cost(ended.seconds, ended.cpu_seconds)


def _without_bytecode_setting() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _compiled_at(app: Path) -> dict[str, int]:
    """When each pipeline was compiled last, by name."""
    kept = (app / ".smp" / "compiled").glob("*.json")
    return {path.stem: path.stat().st_mtime_ns for path in kept}


def _expect_one_compilation(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    again = [name for name, time in after.items() if before.get(name) != time]
    if again != [CHANGED_PIPELINE]:
        raise RuntimeError(f"one model changed, and these were compiled again: {again}")
