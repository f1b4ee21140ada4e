"""Resolves the inputs that one step takes from others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smp.errors import near_names
from smp.graph.findings import DeclaredStep, Outputs
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes import STEP_CLASSES


class ChainError(Exception):
    """Why a chain cannot be made; the builder adds where it was written."""

    def __init__(self, reason: str, allowed: str | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.allowed, self.hint = reason, allowed, hint


def resolve_chain(
    consumer: DeclaredStep, source_name: str, steps: Mapping[str, DeclaredStep]
) -> tuple[ChainedInput, ...]:
    """Return what a step reads of a named source; raises ChainError."""
    source = steps.get(source_name)
    if source is None:
        raise ChainError(
            "is not a step of this pipeline",
            allowed=", ".join(steps),
            hint=near_names(source_name, steps),
        )
    if source_name == consumer.config.step_name:
        raise ChainError("is the step itself")
    offered = STEP_CLASSES[source.config.step_class].outputs(source)
    if not offered:
        raise ChainError(
            f"is of class {source.config.step_class}, which has no output to read",
            hint=f"chain a step of class {', '.join(_chainable())}",
        )
    return _select(consumer, source_name, source, offered)


def _select(
    consumer: DeclaredStep,
    source_name: str,
    source: DeclaredStep,
    offered: Outputs,
) -> tuple[ChainedInput, ...]:
    step_class = STEP_CLASSES[consumer.config.step_class]
    if step_class.reads_channel is None:
        taken = step_class.takes_outputs(consumer) if step_class.takes_outputs else ()
        is_taken = set(taken if source.config.step_class == "Processing" else ())
        return tuple(
            ChainedInput(source_name, output, channel)
            for output, channel in offered
            if not is_taken or output in is_taken
        )
    wanted = step_class.reads_channel(consumer)
    if source.config.step_class != "Processing":
        return (ChainedInput(source_name, offered[0][0], wanted),)
    outputs = [output for output, _ in offered]
    if wanted not in outputs:
        raise ChainError(
            f"has no output '{wanted}', the channel of the {consumer.section_name} section",
            allowed=", ".join(outputs),
            hint=near_names(wanted, outputs),
        )
    return (ChainedInput(source_name, wanted, wanted),)


def _chainable() -> Iterator[str]:
    """Yield the names of the classes whose steps have outputs."""
    return (name for name, step_class in STEP_CLASSES.items() if step_class.has_outputs)
