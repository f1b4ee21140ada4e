"""Resolves the inputs that one step takes from others.

It never looks at explicit dependencies; `smp.graph.dependencies` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smp.config.jobs import DEFAULT_CHANNEL
from smp.config.pipeline import StepConfig
from smp.config.project import Model
from smp.errors import near_names
from smp.graph.nodes import MODEL_OUTPUT, PREDICTIONS_OUTPUT, REPORT_OUTPUT, ChainedInput

CHAINABLE_CLASSES = ("Processing", "Training", "Transform", "Metrics")


class ChainError(Exception):
    """Why a chain cannot be made; the builder adds where it was written."""

    def __init__(self, reason: str, allowed: str | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.allowed, self.hint = reason, allowed, hint


@dataclass(frozen=True)
class Declared:
    """A step as declared, with the model whose section it uses."""

    config: StepConfig
    model: Model


def outputs_of(step: Declared) -> tuple[tuple[str, str], ...]:
    """Return the (output, channel) pairs that a step offers to others; empty if it has none."""
    sections = step.model.config
    match step.config.step_class:
        case "Processing":
            channels = tuple(sections.preprocess.channels if sections.preprocess else ())
            return tuple((name, name) for name in channels or (DEFAULT_CHANNEL,))
        case "Training":
            return (
                (MODEL_OUTPUT, only_channel(sections.train.channels if sections.train else ())),
            )
        case "Transform":
            return ((PREDICTIONS_OUTPUT, transform_channel(step.model)),)
        case "Metrics":
            return ((REPORT_OUTPUT, evaluate_channel(step.model)),)
        case _:
            return ()


def only_channel(channels: Iterable[str]) -> str:
    """Return `train` where it is a channel or there is none, else the first channel."""
    names = tuple(channels)
    return DEFAULT_CHANNEL if not names or DEFAULT_CHANNEL in names else names[0]


def transform_channel(model: Model) -> str:
    """Return the one channel of a model's transform section."""
    section = model.config.transform
    return only_channel(section.channels if section else ())


def evaluate_channel(model: Model) -> str:
    """Return the one channel of a model's evaluate section."""
    section = model.config.evaluate
    return only_channel(section.channels if section else ())


def resolve_chain(
    consumer: Declared, source_name: str, steps: Mapping[str, Declared]
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
    offered = outputs_of(source)
    if not offered:
        raise ChainError(
            f"is a {source.config.step_class} step, which has no output to read",
            hint=f"chain a step of class {', '.join(CHAINABLE_CLASSES)}",
        )
    return _select(consumer, source_name, source, offered)


def _select(
    consumer: Declared,
    source_name: str,
    source: Declared,
    offered: tuple[tuple[str, str], ...],
) -> tuple[ChainedInput, ...]:
    if consumer.config.step_class in ("Processing", "Training"):
        return tuple(ChainedInput(source_name, output, channel) for output, channel in offered)
    is_transform = consumer.config.step_class == "Transform"
    wanted = (transform_channel if is_transform else evaluate_channel)(consumer.model)
    if source.config.step_class != "Processing":
        return (ChainedInput(source_name, offered[0][0], wanted),)
    outputs = [output for output, _ in offered]
    if wanted not in outputs:
        section = "transform" if is_transform else "evaluate"
        raise ChainError(
            f"has no output '{wanted}', the channel of the {section} section",
            allowed=", ".join(outputs),
            hint=near_names(wanted, outputs),
        )
    return (ChainedInput(source_name, wanted, wanted),)
