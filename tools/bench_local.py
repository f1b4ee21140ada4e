"""Measures the local run against the examples' bare scripts, and what its orchestration costs.

Installs the examples' packages once, outside of every measurement. Never touches this checkout's runs.
"""

import itertools
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from smp.errors import SmpError
from smp.local.environments import REQUIREMENTS_FILE, Environments
from smp.local.places import BUCKET, Places
from tools.bench_bare import EXAMPLES
from tools.bench_process import run_timed
from tools.bench_report import Branches, Example, LocalRun
from tools.bench_workspace import ROOT

LONG = frozenset({"housing", "summarization-llm"})
"""Examples that take so long that chance weighs little: measured in few rounds."""
LONG_ROUNDS = 3
SHORT_ROUNDS_A_ROUND = 2
"""Pairs of a short example for each round of the rest: one pair scatters by 5 %, more than the bar."""
MAX_REASON = 160

_SMP = Path(sys.executable).with_name("smp")
_ENVIRONMENTS = ROOT / ".smp" / "envs"


def measure_local_run(place: Path, rounds: int, say: Callable[[str], None]) -> LocalRun:
    """Measure every example and the orchestration, below `place`."""
    workspace = _make_workspace(place)
    examples = []
    for name in EXAMPLES:
        try:
            examples.append(_measure_example(name, workspace, place, rounds, say))
        except (RuntimeError, SmpError) as error:
            examples.append(Example(name, problem=last_line(str(error))))
    say("local run: orchestration, branches")
    command = (sys.executable, "-m", "tools.bench_orchestration", place / "orchestration")
    measured = json.loads(run_timed(command, ROOT).output.splitlines()[-1])
    branches = Branches(**measured["branches"]) if measured["branches"] else None
    return LocalRun(tuple(examples), measured["step_milliseconds"], measured["steps"], branches)


def _measure_example(
    name: str, workspace: Path, place: Path, rounds: int, say: Callable[[str], None]
) -> Example:
    say(f"local run: {name}, packages, data and a first run")
    _smp(workspace, "stage", name)
    by_hand, locally = _sides(name, workspace, place)
    locally()
    count = SHORT_ROUNDS_A_ROUND * rounds
    if name in LONG:
        count = min(rounds, LONG_ROUNDS)
    else:
        by_hand()
    pairs = []
    for number in range(count):
        say(f"local run: {name}, round {number + 1} of {count}")
        if number % 2 == 0:
            hand_seconds = by_hand()
            pairs.append((hand_seconds, locally()))
        else:
            smp_seconds = locally()
            pairs.append((by_hand(), smp_seconds))
    return Example(name, tuple(pairs))


def _sides(
    name: str, workspace: Path, place: Path
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return what runs an example by hand and by `smp run`, each giving the seconds that passed."""
    models, places = workspace / "model_configs", Places(workspace / ".smp")
    environments = Environments(places.environments, lambda _: None)
    numbers = itertools.count()

    def python(model: str) -> Path:
        return environments.bin_of(models / model / REQUIREMENTS_FILE) / "python"

    def by_hand() -> float:
        directory = place / "by-hand" / f"{name}-{next(numbers)}"
        began = time.perf_counter()
        EXAMPLES[name](models, places.buckets / BUCKET, python, directory)
        seconds = time.perf_counter() - began
        shutil.rmtree(directory)
        return seconds

    return by_hand, lambda: _smp(workspace, "run", name, "--fresh", "--jobs", "1")


def _smp(workspace: Path, *arguments: str) -> float:
    return run_timed((_SMP, *arguments, "--workspace", workspace), ROOT).seconds


def _make_workspace(place: Path) -> Path:
    """Copy the examples; the installed packages are those of this checkout."""
    workspace = place / "local"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "model_configs", workspace / "model_configs", ignore=ignored)
    _ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    (workspace / ".smp").mkdir()
    (workspace / ".smp" / "envs").symlink_to(_ENVIRONMENTS)
    return workspace


def last_line(text: str) -> str:
    """Return the last line that says something, fit for a cell of a table."""
    lines = [line.strip().replace("|", "/") for line in text.splitlines() if line.strip()]
    return lines[-1][:MAX_REASON] if lines else "no reason is known"
