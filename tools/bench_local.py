"""Measures the local run against the examples' bare scripts, and what its orchestration costs.

Installs the examples' packages once, outside of every measurement. Never touches this checkout's runs.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from smp.errors import SmpError
from smp.local.jobs.environments import REQUIREMENTS_FILE, Environments
from smp.local.store.places import BUCKET, Places
from smp.local.store.run_store import RunStore
from tools.bench_bare import EXAMPLES
from tools.bench_process import Finished, run_timed
from tools.bench_report import Branches, Example, LocalRun, Timed
from tools.bench_workspace import ROOT

ROUNDS_A_ROUND: Mapping[str, int] = {"churn-lightgbm": 4, "video-recommender": 4}
"""Of an example that takes few seconds, for each round of the rest: chance weighs more there."""
LONG_ROUNDS_A_ROUND = 2
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
    request = place / f"{name}.json"
    by_hand_place = place / "by-hand"
    request.write_text(json.dumps(bare_request(name, workspace, by_hand_place)), "utf-8")

    def by_hand() -> Timed:
        ended = run_timed((sys.executable, "-m", "tools.bench_bare", request), ROOT)
        shutil.rmtree(by_hand_place)
        return Timed(ended.seconds, json.loads(ended.output)["seconds"])

    def locally() -> Timed:
        ended = _smp(workspace, "run", name, "--fresh", "--jobs", "1")
        run = next(iter(RunStore(Places(workspace / ".smp").runs).all()))
        steps = list(run.steps())
        first = min(step.started for step in steps if step.started is not None)
        return Timed(
            ended.seconds,
            {step.name: step.seconds or 0.0 for step in steps},
            before_first=first - ended.started,
        )

    by_hand()
    locally()
    pairs = []
    count = ROUNDS_A_ROUND.get(name, LONG_ROUNDS_A_ROUND) * rounds
    for number in range(count):
        say(f"local run: {name}, round {number + 1} of {count}")
        if number % 2 == 0:
            hand = by_hand()
            pairs.append((hand, locally()))
        else:
            local = locally()
            pairs.append((by_hand(), local))
    return Example(name, tuple(pairs))


def bare_request(name: str, workspace: Path, place: Path) -> dict[str, Any]:
    """Return what running an example by hand takes, see `tools.bench_bare`."""
    places = Places(workspace / ".smp")
    environments = Environments(places.environments, lambda _: None)
    models = {}
    for model in EXAMPLES[name][1]:
        directory = workspace / "model_configs" / model
        python = environments.bin_of(directory / REQUIREMENTS_FILE) / "python"
        models[model] = {
            "directory": str(directory),
            "python": str(python),
            **model_settings(directory),
        }
    bucket = places.buckets / BUCKET
    return {"pipeline": name, "bucket": str(bucket), "place": str(place), "models": models}


def model_settings(directory: Path) -> dict[str, dict[str, str]]:
    """Return what a conf gives the scripts of its one model, parameters with their defaults."""
    text = (directory / "conf" / "conf.yaml").read_text("utf-8")
    pipeline = yaml.safe_load(text)["conf"].get("sagemakerPipeline", {})
    for parameter in pipeline.get("parameters", []):
        text = text.replace(f"${{parameters.{parameter['name']}}}", str(parameter["default"]))
    (model,) = yaml.safe_load(text)["conf"]["models"].values()
    given = {
        "hyperparameters": model.get("train", {}).get("hyperparameters", {}),
        "environment": model.get("preprocess", {}).get("env", {}),
    }
    return {kind: {key: str(value) for key, value in held.items()} for kind, held in given.items()}


def _smp(workspace: Path, *arguments: str) -> Finished:
    return run_timed((_SMP, *arguments, "--workspace", workspace), ROOT)


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
    """Return the last line that is not empty, fit for a cell of a table."""
    lines = [line.strip().replace("|", "/") for line in text.splitlines() if line.strip()]
    return lines[-1][:MAX_REASON] if lines else "no reason is known"
