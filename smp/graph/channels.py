"""Which channel of a section is meant where only one can be, and what a chained one is called."""

from __future__ import annotations

from collections.abc import Iterable

from smp.config.sections.jobs import DEFAULT_CHANNEL, EvaluateSection
from smp.config.sections.train import TrainSection
from smp.graph.findings import DeclaredStep
from smp.graph.nodes import ChainedInput


def only_channel(channels: Iterable[str]) -> str:
    """Return `train` where it is a channel or there is none, else the first channel."""
    names = tuple(channels)
    return DEFAULT_CHANNEL if not names or DEFAULT_CHANNEL in names else names[0]


def taken_outputs(step: DeclaredStep) -> tuple[str, ...]:
    """Return the outputs of processing steps that an image's own algorithm takes as channels.

    Such an algorithm refuses channels that it does not know: its channels without files are those
    that it accepts; if there are none it accepts all. A script accepts all.
    """
    section = step.model.config.train
    if section is None or section.entry_point is not None:
        return ()
    return tuple(name for name, channel in section.channels.items() if not channel.data_files)


def transform_channel(step: DeclaredStep) -> str:
    """Return the one channel of the transform section of a step's model."""
    section = step.model.config.transform
    return only_channel(section.channels if section else ())


def evaluate_channel(step: DeclaredStep) -> str:
    """Return the one channel of the evaluation that a Metrics step is."""
    section = step.section
    return only_channel(section.channels if isinstance(section, EvaluateSection) else ())


def training_channel(chain: ChainedInput, section: TrainSection) -> str:
    """Return the channel of a chained input.

    A script's start file exports it as a variable, so it has no `-`. An image's own algorithm looks for
    fixed names, such as `train`: for it only the output's name counts.
    """
    if section.entry_point is None:
        return chain.channel
    return f"{chain.label}-{chain.channel}".replace("-", "_").replace(".", "_")
