"""A step as the configuration declares it, and the pairs in which steps offer their outputs."""

from __future__ import annotations

from dataclasses import dataclass

from smp.config.project import Model
from smp.config.steps.base import StepBase
from smp.config.values.base import ConfigModel

Outputs = tuple[tuple[str, str], ...]
"""The (output, channel) pairs that a step offers to others; empty where it has none."""


@dataclass(frozen=True)
class Declared:
    """A step as declared, with the model whose section it uses."""

    config: StepBase
    model: Model
    section_name: str | None = None
    """The section that it uses: its `step_type`, else the one of its class."""

    @property
    def section(self) -> ConfigModel | None:
        """What its model says in that section; None where no file has it."""
        return self.model.config.section(self.section_name) if self.section_name else None
