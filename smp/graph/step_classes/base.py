"""What is known of a step class, whatever the class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypedDict

from smp.config.steps.base import StepBase
from smp.graph.findings import DeclaredStep, Findings, Outputs
from smp.graph.nodes import ChainedInput, PackageSource

Retries = Literal["call", "job"]


class Implied(TypedDict, total=False):
    """The steps that a class finds automatically; keys are attributes of StepNode."""

    training: str | None
    training_otherwise: str | None
    approved: str | None
    packages: PackageSource | None
    create_model: str | None
    metrics: str | None
    reports: tuple[tuple[str, str], ...]


def _no_outputs(_: DeclaredStep) -> Outputs:
    return ()


class InLoop(Enum):
    """Whether steps of a class may be in a loop."""

    ALLOWED = "allowed"
    UNSUPPORTED = "unsupported"
    """The service accepts them in no loop."""
    NOT_ALLOWED = "not allowed"
    """Their results cannot be kept apart by iteration, or mean one thing for the whole pipeline."""


@dataclass(frozen=True, kw_only=True)
class StepClass:
    """One value of `step_class`: what a person writes.

    What the service runs for it is a row of `smp.definition.step_types`.
    """

    config: type[StepBase]
    """The model of its keys."""
    renderer: str
    """`module.function` below `smp.compiler.steps`: a name, for importing it imports the SageMaker SDK."""
    becomes: str
    """The row of `smp.definition.step_types` of the step that others wait for."""
    section: str | None = None
    """The section of a model that it uses if `step_type` does not name a further one of this kind; none
    for a class whose keys are all in the step."""
    check: Callable[[Findings, DeclaredStep, tuple[ChainedInput, ...]], Implied]
    """Reports what is wrong with a step and returns the steps that it relies on by its class."""
    outputs: Callable[[DeclaredStep], Outputs] = _no_outputs
    """What other steps can chain."""
    needs: str | None = None
    """A further section that its model must have."""
    takes_chains: bool = True
    """Whether it reads what other steps put out."""
    reads_channel: Callable[[DeclaredStep], str] | None = None
    """The one channel that it reads of a chained step; without it, all outputs are read."""
    takes_outputs: Callable[[DeclaredStep], tuple[str, ...]] | None = None
    """Those outputs of chained processing steps that it takes; all of them where it names none."""
    cacheable: bool = False
    """Whether its step type takes a CacheConfig.

    Source: "Caching pipeline steps" in the SageMaker developer guide.
    """
    retries: Retries | None = None
    """What the service may retry: the call alone, or also the job that it starts; None: neither."""
    in_loop: InLoop = InLoop.ALLOWED
    stand_in_section: str | None = None
    """The section whose local stand-in runs in place of what only an image has."""
    directories: tuple[str, ...] = ()
    """Those of its keys that may name directories, not only files."""
    script: str | None = None
    """The section whose script it runs, or puts into what it makes."""

    @property
    def has_outputs(self) -> bool:
        """Whether its steps have something that others can chain."""
        return self.outputs is not _no_outputs

    def sections(self, step: DeclaredStep) -> tuple[str, ...]:
        """Return the names of the sections of its model that a step uses."""
        return tuple(name for name in (step.section_name, self.needs) if name is not None)

    def script_section(self, step: DeclaredStep) -> str | None:
        """Return the name of the section whose script a step runs, or puts into what it makes."""
        return step.section_name if self.script == self.section else self.script
