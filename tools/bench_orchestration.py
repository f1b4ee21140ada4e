"""Runs pipelines of trivial and of CPU-bound steps in this process and prints what they took, as JSON.

The benchmark runs it as a separate process. Each comparison is between two sides of one round, in turns.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from smp.definition.compiled import CompiledPipeline, Json
from smp.local.engine.run import Machine, start_run
from smp.local.engine.step_runner import RunOptions
from smp.local.sandbox.base import Job, Sandbox
from smp.local.sandbox.choose import choose_sandbox
from smp.local.sandbox.process import Stop, run_job
from smp.local.show.progress import progress_for
from smp.local.store.places import Places
from smp.local.store.run_store import SUCCEEDED

STEPS = 200
ROUNDS = 3
NOTHING = ("/bin/sh", "-c", "true")
BUSY = ("python3", "-c", "sum(i * i for i in range(9_000_000))")
PYTHON = Path(sys.executable).parent


def main(place: Path) -> None:
    """Measure both and print them."""
    sandbox = choose_sandbox()
    print(
        json.dumps(
            {
                "steps": STEPS,
                "step_milliseconds": 1000 * _orchestration_seconds(place / "steps", sandbox),
                "branches": _branches(place / "branches", sandbox),
            }
        )
    )


def _orchestration_seconds(place: Path, sandbox: Sandbox) -> float:
    """Return the seconds that a step costs in addition to its command.

    A run of 200 steps, each after the one before, less the same 200 commands started in the same
    sandbox with nothing around them; the median of the rounds.
    """
    chain = [_step(f"s{n}", NOTHING, f"s{n - 1}" if n else None) for n in range(STEPS)]
    _run(place, sandbox, chain[:5], 1)
    differences = []
    for _ in range(ROUNDS):
        bare = _commands_alone(place / "alone", sandbox)
        differences.append(_run(place, sandbox, chain, 1) - bare)
    return statistics.median(differences) / STEPS


def _branches(place: Path, sandbox: Sandbox) -> dict[str, float] | None:
    """Return the median seconds of two branches of busy steps, with one job at once and with two."""
    if len(os.sched_getaffinity(0)) < 2:
        return None
    steps = [_step("a1", BUSY), _step("b1", BUSY), _step("a2", BUSY, "a1"), _step("b2", BUSY, "b1")]
    seconds: dict[int, list[float]] = {1: [], 2: []}
    _run(place, sandbox, steps, 2)
    for number in range(ROUNDS):
        for jobs in (1, 2) if number % 2 == 0 else (2, 1):
            seconds[jobs].append(_run(place, sandbox, steps, jobs))
    return {
        "one_at_once": statistics.median(seconds[1]),
        "two_at_once": statistics.median(seconds[2]),
    }


def _run(place: Path, sandbox: Sandbox, steps: Sequence[Json], jobs: int) -> float:
    """Run a pipeline of these steps and return the seconds it took, its records and lines included."""
    places = Places(place / ".smp")
    compiled = CompiledPipeline(
        name="bench",
        definition={"Version": "2020-12-01", "Parameters": [], "Steps": list(steps)},
        code=(),
        code_store=places.code,
    )
    with Path(os.devnull).open("w") as nowhere:
        progress = progress_for(nowhere, places, compiled)
        machine = Machine(places, RunOptions(jobs=jobs), sandbox, lambda _: PYTHON, progress)
        began = time.perf_counter()
        record = start_run(compiled, machine, parameters={})
        seconds = time.perf_counter() - began
    if record.status != SUCCEEDED:
        raise RuntimeError(f"the run {record.id} ended as {record.status}: {record.reason}")
    return seconds


def _commands_alone(place: Path, sandbox: Sandbox) -> float:
    opt_ml = place / "ml"
    opt_ml.mkdir(parents=True, exist_ok=True)
    job = Job(command=NOTHING, environment={}, opt_ml=opt_ml, python=PYTHON)
    began = time.perf_counter()
    for _ in range(STEPS):
        run_job(
            sandbox,
            job,
            place / "log",
            max_seconds=60,
            grace_seconds=1,
            stop=Stop(),
            on_line=lambda _: None,
        )
    return time.perf_counter() - began


def _step(name: str, command: Sequence[str], after: str | None = None) -> Json:
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": list(command)},
            "RoleArn": "arn:aws:iam::000000000000:role/bench",
        },
        "DependsOn": [after] if after else [],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
