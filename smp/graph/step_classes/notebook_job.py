"""NotebookJob: the notebook, the files beside it, and the values that it is run with."""

from __future__ import annotations

import json
from pathlib import Path

from smp.config.read.scripts import is_inside
from smp.config.steps.notebook_job import NotebookJobStep
from smp.config.values.condition import Reference
from smp.config.values.message import message_parts
from smp.graph.declared import Declared
from smp.graph.findings import Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.inputs import MAX_TRAINING_CHANNELS, check_names
from smp.graph.step_classes.references import check_references
from smp.text.messages import shown

CHANNEL = "sagemaker_headless_execution_pipelinestep"
"""The channel where the program that runs notebooks looks for them."""
FORMAT = 4


def _check(findings: Findings, step: Declared, chained: tuple[ChainedInput, ...]) -> Implied:
    config = step.config
    assert isinstance(config, NotebookJobStep)
    steps: list[str] = []
    for name, value in config.parameters.items():
        read = [part for part in message_parts(value) if isinstance(part, Reference)]
        steps += check_references(findings, step, ("parameters", name), read)
    _check_files(findings, step, config)
    names = [CHANNEL, *(notebook_channel(chain) for chain in chained)]
    check_names(findings, step, names, MAX_TRAINING_CHANNELS, "channel")
    return {"reports": tuple((name, name) for name in dict.fromkeys(steps))}


def notebook_channel(chain: ChainedInput) -> str:
    """Return the channel of a chained input: the notebook finds it at /opt/ml/input/data/<channel>."""
    return f"{chain.label}-{chain.output}".replace("-", "_").replace(".", "_")


def _check_files(findings: Findings, step: Declared, config: NotebookJobStep) -> None:
    model, index = findings.places[config.step_name]
    source = step.model.source_directory
    for place, path in config.named_files():
        may_be_directory = place[0] == "additional_dependencies"
        reason = _fault(source / path, step.model.directory, may_be_directory=may_be_directory)
        hint = f"put it below {source.name}/, the model's source_directory"
        if reason is None and place == ("input_notebook",):
            reason, hint = _notebook_fault(source / path), "save it with a current Jupyter"
        if reason is not None:
            where = ("models", model, "steps", index, *place)
            findings.report(reason, *where, found=shown(path), hint=hint)


def _fault(target: Path, directory: Path, *, may_be_directory: bool) -> str | None:
    if not target.is_file() and not (may_be_directory and target.is_dir()):
        return f"there is no such file{' or directory' if may_be_directory else ''}"
    return None if is_inside(target, directory) else "is a link out of the model's own directory"


def _notebook_fault(path: Path) -> str | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        return f"is no notebook: {error}"
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        return "is no notebook: it has no cells"
    if content.get("nbformat") != FORMAT:
        return f"is a notebook of format {content.get('nbformat')}, and {FORMAT} is expected"
    return None


NOTEBOOK_JOB = StepClass(None, _check)
