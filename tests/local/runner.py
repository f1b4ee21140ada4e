"""Runs or resumes the pipeline of a test's workspace in a process that the test can kill.

`python -m tests.local.runner WORKSPACE SANDBOX [--resume] [--fresh]`; prints every change of a step.
"""

from __future__ import annotations

import sys
from pathlib import Path

from smp.definition.compiled import CompiledPipeline
from smp.local.sandbox.choose import choose_sandbox
from smp.local.store.run_store import RunStore, StepRecord
from tests.local.pipelines import Heard, Workspace


class Printed(Heard):
    """Prints what it hears."""

    def step_changed(self, record: StepRecord) -> None:
        self._say(f"{record.name} {record.status}")

    def log_line(self, step: str, line: str) -> None:
        self._say(f"{step} {line}")

    def note(self, text: str) -> None:
        self._say(text)

    @staticmethod
    def _say(text: str) -> None:
        """Write a line in one piece: `print` would mix those of two threads."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def main() -> None:
    root, sandbox, *options = sys.argv[1:]
    workspace = Workspace(Path(root), choose_sandbox(sandbox), heard=Printed())
    text = (workspace.root / "compiled.json").read_text()
    compiled = CompiledPipeline.from_json(text, workspace.places.code)
    if "--resume" in options:
        workspace.resume(RunStore(workspace.places.runs).all()[0])
    else:
        workspace.run(compiled, fresh="--fresh" in options)


if __name__ == "__main__":
    main()
