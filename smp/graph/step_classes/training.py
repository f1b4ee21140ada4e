"""Training: a script, or an image's own algorithm, that makes a model's artifact."""

from __future__ import annotations

from smp.config.steps.section_step import StepConfig
from smp.graph.channels import only_channel, taken_outputs, training_channel
from smp.graph.findings import DeclaredStep, Findings, Outputs
from smp.graph.nodes import MODEL_OUTPUT, ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.hyperparameters import check_algorithm, check_launched
from smp.graph.step_classes.inputs import (
    MAX_TRAINING_CHANNELS,
    TRAINING_CODE_CHANNELS,
    check_manifest,
    check_names,
)


def training_outputs(step: DeclaredStep) -> Outputs:
    """Return the one output: the model's artifact."""
    section = step.model.config.train
    return ((MODEL_OUTPUT, only_channel(section.channels if section else ())),)


def _check(findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]) -> Implied:
    section = step.model.config.train
    if section is not None and section.entry_point is not None:
        check_launched(findings, step, section)
    elif section is not None:
        check_algorithm(findings, step, section, None)
    return check_training(findings, step, chained)


def check_training(
    findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]
) -> Implied:
    """Report channels that are too many, of the same name, or cannot be joined."""
    section = step.model.config.train
    if section is None:
        return {}
    static = {name: channel for name, channel in section.channels.items() if channel.data_files}
    names = [*static, *(training_channel(chain, section) for chain in chained)]
    for name in taken_outputs(step):
        if name not in names:
            findings.report_model(
                step.model,
                f"no step that '{step.config.step_name}' chains has an output of this name, and the "
                "channel has no files",
                *("train", "channels", name),
                allowed="dataFiles, or a Processing step with this output in chain_input_source_step",
            )
    for name, channel in section.channels.items():
        for key in channel.settings if name not in names else ():
            findings.report_model(
                step.model,
                f"has no effect: the channel has no files, and no step that '{step.config.step_name}' "
                "chains gives it data",
                *("train", "channels", name, key),
                allowed=f"dataFiles, or the name of a chained channel: {', '.join(names) or 'none'}",
            )
    if section.entry_point is not None:
        names += TRAINING_CODE_CHANNELS
    if section.model_data_uri:
        names.append("model")
    for name, channel in static.items():
        if len(channel.data_files) > 1:
            check_manifest(findings, step, [channel], f"the files of channel '{name}'")
    check_names(findings, step, names, MAX_TRAINING_CHANNELS, "channel")
    return {}


TRAINING = StepClass(
    config=StepConfig,
    renderer="training.render_training",
    becomes="Training",
    section="train",
    check=_check,
    outputs=training_outputs,
    retries="job",
    stand_in_section="train",
    takes_outputs=taken_outputs,
    cacheable=True,
    script="train",
)
