"""What a step gets to work with, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json, StandIn
from smp.errors import RunError
from smp.local.jobs.container import Inputs
from smp.local.sandbox.base import Sandbox
from smp.local.sandbox.process import Ended
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import Places

TAIL_LINES = 20
MAX_SAID_BYTES = 64 * 1024
MAX_SAID_CHARACTERS = 1024


class StepFailure(RunError):  # noqa: N818  the word of the service: FailureReason
    """A step that ran and failed; the reason is what the service would give as FailureReason."""


@dataclass
class StepContext:
    """One attempt at one step.

    `arguments` is the request with every expression resolved; `directory` is the attempt's own, made
    anew; `python` is the `bin` directory of the environment that its scripts run in.
    """

    name: str
    step: Json
    arguments: Json
    job_name: str
    execution_id: str
    directory: Path
    log: Path
    places: Places
    compiled: CompiledPipeline
    store: ObjectStore
    sandbox: Sandbox
    python: Path
    stop: Event
    network: bool
    grace_seconds: float
    on_line: Callable[[str], None]
    metrics: list[Mapping[str, Any]] = field(default_factory=list)
    stand_in: StandIn | None = None
    """What runs in place of the algorithm that only the step's image has."""
    warnings: list[str] = field(default_factory=list)

    @property
    def opt_ml(self) -> Path:
        """What the job sees as `/opt/ml`."""
        return self.directory / "ml"

    @property
    def inputs(self) -> Inputs:
        return Inputs(self.store, self.compiled)

    def say(self, line: str) -> None:
        """Put a line into the step's log, as if a job had printed it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")
        self.on_line(line)

    def warn(self, text: str) -> None:
        """Record what the step left undone although it succeeds; a text counts once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def arn(self, kind: str, name: str | None = None) -> str:
        """Return the ARN of what this step makes."""
        return f"arn:aws:sagemaker:us-east-1:000000000000:{kind}/{name or self.job_name}"


def image_command(
    context: StepContext,
    specification: Mapping[str, Any],
    *,
    image: str | None,
    without_any: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Return a container's command: its entry point and arguments.

    Without an entry point the image's own runs, with the arguments or `without_any`; raises StepFailure
    where the sandbox has no images.
    """
    given = tuple(specification.get("ContainerArguments", ()))
    if "ContainerEntrypoint" in specification:
        return (*specification["ContainerEntrypoint"], *given)
    if not context.sandbox.runs_images:
        raise StepFailure(
            f"the step runs what the image {image} brings, which only a container engine can; "
            "give it a script or run with --sandbox docker"
        )
    return given or without_any


def read_failure_file(opt_ml: Path, path: str) -> str:
    """Return what a job wrote of its failure to a path in the container; a link says nothing.

    As in the service, the first 1,024 characters.
    """
    relative = Path(path).relative_to("/opt/ml")
    file = opt_ml / relative
    if not file.is_file() or file.resolve() != opt_ml.resolve() / relative:
        return ""
    with file.open("rb") as content:
        said = content.read(MAX_SAID_BYTES).decode("utf-8", "replace")
    return said.strip()[:MAX_SAID_CHARACTERS]


def too_long(max_seconds: float) -> str:
    """Return why a job failed that was ended at its limit."""
    return f"it ran longer than MaxRuntimeInSeconds = {max_seconds:g}"


def raise_unless_succeeded(ended: Ended, max_seconds: float, failure: str) -> None:
    """Raise StepFailure for a job that did not end well.

    `failure` is what the job said of it in its failure file, if anything.
    """
    if ended.stopped:
        raise StepFailure("the run was stopped")
    if ended.timed_out:
        raise StepFailure(too_long(max_seconds))
    if ended.exit_code != 0:
        said = f": {failure}" if failure else ""
        raise StepFailure(
            f"AlgorithmError: the script ended with exit code {ended.exit_code}{said}"
        )
