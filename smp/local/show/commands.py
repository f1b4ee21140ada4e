"""The words for a local run: the states of its steps, and the commands that continue with it."""

from __future__ import annotations

import json
import shlex

from smp.local.store.run_store import (
    EXECUTING,
    FAILED,
    SKIPPED,
    STARTING,
    STOPPED,
    SUCCEEDED,
    RunRecord,
    StepRecord,
)

WAITING = "Waiting"
"""What is shown for a step of the run that has no record yet."""
REUSED = "Reused"
"""What is shown for a step that took the result of an earlier run."""

STATES = (FAILED, STOPPED, EXECUTING, STARTING, SUCCEEDED, REUSED, SKIPPED, WAITING)
"""Every state that is shown, those that want attention first."""


def shown_state(step: StepRecord | None) -> str:
    """Return the one word for a step's state."""
    if step is None:
        return WAITING
    return REUSED if step.status == SUCCEEDED and step.reused_from else step.status


def again_command(run: RunRecord) -> str:
    """Return the command that runs the same steps with the files as they are now."""
    chosen = [
        part
        for option in ("from", "only")
        if run.options.get(option)
        for part in (f"--{option}", run.options[option])
    ]
    return shlex.join(["smp", "run", run.pipeline, *chosen, *_assignments(run), *_where(run)])


def resume_command(run: RunRecord) -> str:
    """Return the command that continues an interrupted run: the steps that have not succeeded."""
    return shlex.join(["smp", "run", run.pipeline, "--resume", run.id, *_where(run)])


def step_command(run: RunRecord, step: str) -> str:
    """Return the command that runs one step alone, with what the steps before it wrote."""
    words = ["smp", "run", run.pipeline, "--only", step, *_assignments(run), *_where(run)]
    return shlex.join(words)


def recovery_commands(run: RunRecord, step: StepRecord) -> list[tuple[str, str]]:
    """Return what to do about a failed step, each with its command.

    What failed is mended in the files, and a run that is resumed has the old ones: so no command resumes.
    A Fail step ran nothing by itself, a step of an iteration runs with its loop only, and a Tuning step
    keeps the logs of its trials apart.
    """
    trials = (
        [("read a trial's log", trial_command(run, step.name))] if step.type == "Tuning" else []
    )
    alone = [("run this step only", step_command(run, step.name))]
    if step.type == "Fail" or step.item is not None:
        alone = []
    return [*trials, *alone, ("run again", again_command(run))]


def _assignments(run: RunRecord) -> list[str]:
    return [part for text in run.options.get("assignments", ()) for part in ("--param", text)]


def parameter_text(value: object) -> str:
    """Write a parameter's value as `--param` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def log_command(run: RunRecord, step: str) -> str:
    """Return the command that shows a step's whole log."""
    return workspace_command(run, "logs", run.id, step)


def trial_command(run: RunRecord, step: str) -> str:
    """Return the command that lists a Tuning step's trials, and with a name shows the log of one."""
    return f"{log_command(run, step)} --trial"


def run_command(run: RunRecord, command: str) -> str:
    """Return a command on a whole run, such as `show`."""
    return workspace_command(run, command, run.id)


def workspace_command(run: RunRecord, *words: str) -> str:
    """Return a command, with the option by which it finds the workspace of a run."""
    where = _where(run)
    place = where.index("--workspace") if "--workspace" in where else len(where)
    return shlex.join(["smp", *words, *where[place : place + 2]])


def _where(run: RunRecord) -> tuple[str, ...]:
    """Return the options by which a command finds the configs that the run was made from."""
    return tuple(run.options.get("where", ()))
