"""What is known of a step class, whatever the class.

It never knows a class by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from smp.config.project import Model
from smp.graph.declared import Declared, Outputs
from smp.graph.findings import Findings
from smp.graph.nodes import ChainedInput


class Implied(TypedDict, total=False):
    """The steps that a class finds by itself; keys are attributes of StepNode."""

    training: str | None
    training_otherwise: str | None
    create_model: str | None
    metrics: str | None
    reports: tuple[tuple[str, str], ...]


def _no_outputs(_: Model) -> Outputs:
    return ()


@dataclass(frozen=True)
class StepClass:
    """One value of `step_class`."""

    section: str | None
    """The section of a model that `step_type` may name; none for a class that has only keys of its own."""
    check: Callable[[Findings, Declared, tuple[ChainedInput, ...]], Implied]
    """Reports what is wrong with a step and returns the steps that it relies on by its class."""
    outputs: Callable[[Model], Outputs] = _no_outputs
    """What other steps can chain."""
    needs: str | None = None
    """A further section that its model must have."""
    takes_chains: bool = True
    """Whether it reads what other steps put out."""
    reads_channel: Callable[[Model], str] | None = None
    """The one channel that it reads of a chained step; without it, all outputs are read."""
    cacheable: bool = False
    """Whether its step type takes a CacheConfig.

    Source: "Caching pipeline steps" in the SageMaker developer guide.
    """
    script: str | None = None
    """The section whose script it runs, or puts into what it makes."""

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections of a model that it uses."""
        return tuple(name for name in (self.section, self.needs) if name is not None)
