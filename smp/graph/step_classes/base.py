"""What is known of a step class, whatever the class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from smp.graph.declared import Declared, Outputs
from smp.graph.findings import Findings
from smp.graph.nodes import ChainedInput, PackageSource


class Implied(TypedDict, total=False):
    """The steps that a class finds by itself; keys are attributes of StepNode."""

    training: str | None
    training_otherwise: str | None
    approved: str | None
    packages: PackageSource | None
    create_model: str | None
    metrics: str | None
    reports: tuple[tuple[str, str], ...]


def _no_outputs(_: Declared) -> Outputs:
    return ()


@dataclass(frozen=True)
class StepClass:
    """One value of `step_class`."""

    section: str | None
    """The section of a model that it uses where `step_type` does not name a further one of this kind; none
    for a class that has only keys of its own."""
    check: Callable[[Findings, Declared, tuple[ChainedInput, ...]], Implied]
    """Reports what is wrong with a step and returns the steps that it relies on by its class."""
    outputs: Callable[[Declared], Outputs] = _no_outputs
    """What other steps can chain."""
    needs: str | None = None
    """A further section that its model must have."""
    takes_chains: bool = True
    """Whether it reads what other steps put out."""
    reads_channel: Callable[[Declared], str] | None = None
    """The one channel that it reads of a chained step; without it, all outputs are read."""
    takes_outputs: Callable[[Declared], tuple[str, ...]] | None = None
    """Those outputs of chained processing steps that it takes; all of them where it names none."""
    cacheable: bool = False
    """Whether its step type takes a CacheConfig.

    Source: "Caching pipeline steps" in the SageMaker developer guide.
    """
    script: str | None = None
    """The section whose script it runs, or puts into what it makes."""

    @property
    def has_outputs(self) -> bool:
        """Whether its steps have something that others can chain."""
        return self.outputs is not _no_outputs

    def sections(self, step: Declared) -> tuple[str, ...]:
        """Return the names of the sections of its model that a step uses."""
        return tuple(name for name in (step.section_name, self.needs) if name is not None)

    def script_section(self, step: Declared) -> str | None:
        """Return the name of the section whose script a step runs, or puts into what it makes."""
        return step.section_name if self.script == self.section else self.script
