"""A step as the configuration declares it, and the pairs in which steps offer their outputs.

It never checks one.
"""

from __future__ import annotations

from dataclasses import dataclass

from smp.config.project import Model
from smp.config.steps import StepBase

Outputs = tuple[tuple[str, str], ...]
"""The (output, channel) pairs that a step offers to others; empty where it has none."""


@dataclass(frozen=True)
class Declared:
    """A step as declared, with the model whose section it uses."""

    config: StepBase
    model: Model
