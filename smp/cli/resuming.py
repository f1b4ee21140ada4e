"""Finds the run that `smp run --resume` continues, and refuses one whose files changed since."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from smp.cli.workspace import places_of
from smp.errors import Problem, RunError, SmpError

if TYPE_CHECKING:
    from smp.local.sandbox.base import Sandbox
    from smp.local.store.places import Places
    from smp.local.store.run_store import Run

SHOWN = 20
"""More changes than this are counted, not listed."""


def run_to_resume(arguments: argparse.Namespace) -> tuple[Run, Sandbox]:
    """Return the run and a sandbox for it.

    Raises RunError if a new run would have other code, configs, packages or data, unless `--old-code` was
    given: then no config is read, so a broken one does not matter.
    """
    from smp.cli.preparation import get_ready, get_sandbox
    from smp.local.store.run_store import SUCCEEDED

    run = _run_of(arguments, places_of(arguments))
    if arguments.old_code or run.record().status == SUCCEEDED:
        return run, get_sandbox(arguments)
    try:
        prepared, sandbox = get_ready(arguments)
    except SmpError as error:
        problem = _refusal(run, arguments, f"the configs have changed since run {run.id} began")
        raise RunError([problem, *error.problems]) from error
    from smp.cli.running import requirements_of
    from smp.local.engine.changes import changes_since

    places = places_of(arguments)
    changes = changes_since(run, prepared.compiled, requirements_of(prepared), places)
    if changes:
        more = len(changes) - SHOWN
        listed = [*changes[:SHOWN], *([f"{more} more"] if more > 0 else [])]
        reason = f"files have changed since run {run.id} began: {'; '.join(listed)}"
        raise RunError([_refusal(run, arguments, reason)])
    return run, sandbox


def _run_of(arguments: argparse.Namespace, places: Places) -> Run:
    from smp.local.store.run_store import RunStore

    run = RunStore(places.runs).get(arguments.resume)
    if run.record().pipeline != arguments.pipeline:
        raise RunError(f"{run.id} is a run of {run.record().pipeline}, not of {arguments.pipeline}")
    return run


def _refusal(run: Run, arguments: argparse.Namespace, reason: str) -> Problem:
    from smp.local.show.commands import again_command, resume_command

    record = run.record()
    old = f"{resume_command(record)} --old-code"
    if arguments.sandbox:
        old += shlex.join(["", "--sandbox", arguments.sandbox])
    return Problem(
        reason,
        hint=f"begin a new run, which reuses what is still right: {again_command(record)}\n"
        f"    or continue with what the run had: {old}",
    )
