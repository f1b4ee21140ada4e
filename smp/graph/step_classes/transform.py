"""Transform: predictions of a model for one input."""

from __future__ import annotations

from smp.config.steps.section_step import StepConfig
from smp.graph.channels import transform_channel
from smp.graph.findings import DeclaredStep, Findings, Outputs
from smp.graph.nodes import PREDICTIONS_OUTPUT, ChainedInput
from smp.graph.step_classes.base import Implied, StepClass


def _outputs(step: DeclaredStep) -> Outputs:
    return ((PREDICTIONS_OUTPUT, transform_channel(step)),)


def _check(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    section = step.model.config.transform
    create_model = findings.last_before(step.config, step.model, "CreateModel")
    if create_model is None:
        findings.report_step(
            step.config,
            f"a Transform step needs a CreateModel step of model '{step.model.name}' in this pipeline",
        )
    if section is not None:
        files = [file for channel in section.channels.values() for file in channel.data_files]
        assert isinstance(step.config, StepConfig)
        sources = len(step.config.chain_input_source_step)
        if sources + len(files) != 1:
            findings.report_step(
                step.config,
                f"a Transform step has exactly one input; this one has {len(files)} data files and "
                f"{sources} chained steps",
                allowed="one data file in its channel, or one step in chain_input_source_step",
            )
    return {"create_model": create_model}


TRANSFORM = StepClass(
    config=StepConfig,
    renderer="transform.render_transform",
    becomes="Transform",
    section="transform",
    check=_check,
    outputs=_outputs,
    reads_channel=transform_channel,
    cacheable=True,
    retries="job",
    stand_in_section="transform",
)
