"""Chooses the sandbox of a run by trying which ones work on this machine.

It never runs a job of a pipeline.
"""

from __future__ import annotations

import shutil
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from smp.errors import Problem, SetupError
from smp.local.sandbox.base import Job, Sandbox
from smp.local.sandbox.bubblewrap import Bubblewrap

PROBE_TEXT = "sandbox works"


def choose_sandbox(wanted: str | None = None) -> Sandbox:
    """Return the sandbox asked for, or the first that works; raises SetupError saying why none does."""
    if wanted is not None and wanted not in MAKERS:
        raise SetupError([Problem(f"there is no sandbox '{wanted}'", allowed=", ".join(MAKERS))])
    problems = []
    for name in [wanted] if wanted else AUTOMATIC:
        sandbox = MAKERS[name]()
        reason = "it is not installed" if sandbox is None else probe(sandbox)
        if sandbox is not None and reason is None:
            return sandbox
        problems.append(Problem(f"sandbox {name}: {reason}"))
    raise SetupError(problems)


def probe(sandbox: Sandbox) -> str | None:
    """Run a trivial job and return why it failed, or None where it worked."""
    with tempfile.TemporaryDirectory() as directory:
        opt_ml = Path(directory) / "ml"
        opt_ml.mkdir()
        job = Job(
            command=("/bin/sh", "-c", f"echo {PROBE_TEXT} > /opt/ml/probe && cat /opt/ml/probe"),
            environment={},
            opt_ml=opt_ml,
            python=Path(sysconfig.get_path("scripts")),
        )
        try:
            started = sandbox.start(job)
            output, _ = started.process.communicate(timeout=20)
            started.cleanup()
        except Exception as error:
            return str(error)
        text = output.decode("utf-8", "replace").strip()
        return None if text == PROBE_TEXT and started.process.returncode == 0 else text[-300:]


def _bubblewrap() -> Sandbox | None:
    beside = Path(sysconfig.get_path("scripts")) / "bwrap"
    found = shutil.which("bwrap") or (str(beside) if beside.exists() else None)
    return Bubblewrap(Path(found)) if found else None


MAKERS: Mapping[str, Callable[[], Sandbox | None]] = {"bubblewrap": _bubblewrap}
AUTOMATIC = ("bubblewrap",)
