"""NotebookJob: the notebook, the files next to it, and its parameters."""

from __future__ import annotations

import json
from pathlib import Path

from smp.config.steps.notebook_job import NotebookJobStep
from smp.config.values.condition import Reference
from smp.config.values.message import message_parts
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, InLoop, StepClass
from smp.graph.step_classes.inputs import MAX_TRAINING_CHANNELS, check_names
from smp.graph.step_classes.named_files import file_error
from smp.graph.step_classes.references import check_references
from smp.text.messages import shown

CHANNEL = "sagemaker_headless_execution_pipelinestep"
"""The channel where the program that runs notebooks looks for them."""
FORMAT = 4


def _check(findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]) -> Implied:
    config = step.config
    assert isinstance(config, NotebookJobStep)
    steps: list[str] = []
    for name, value in config.parameters.items():
        read = [part for part in message_parts(value) if isinstance(part, Reference)]
        steps += check_references(findings, step, ("parameters", name), read)
    _check_notebook(findings, step, config)
    names = [CHANNEL, *(notebook_channel(chain) for chain in chained)]
    check_names(findings, step, names, MAX_TRAINING_CHANNELS, "channel")
    return {"reports": tuple((name, name) for name in dict.fromkeys(steps))}


def notebook_channel(chain: ChainedInput) -> str:
    """Return the channel of a chained input: the notebook finds it at /opt/ml/input/data/<channel>."""
    return f"{chain.label}-{chain.output}".replace("-", "_").replace(".", "_")


def _check_notebook(findings: Findings, step: DeclaredStep, config: NotebookJobStep) -> None:
    """Report a file that is not a notebook. Its existence is checked for every step that names files."""
    path = step.model.source_directory / config.input_notebook
    reason = None if file_error(path, step.model.directory) else _notebook_error(path)
    if reason is not None:
        model, index = findings.places[config.step_name]
        findings.report(
            reason,
            *("models", model, "steps", index, "input_notebook"),
            found=shown(config.input_notebook),
            hint="save it with a current Jupyter",
        )


def _notebook_error(path: Path) -> str | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        return f"is not a notebook: {error}"
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        return "is not a notebook: it has no cells"
    if content.get("nbformat") != FORMAT:
        return f"is a notebook of format {content.get('nbformat')}, and {FORMAT} is expected"
    return None


NOTEBOOK_JOB = StepClass(
    config=NotebookJobStep,
    renderer="notebook_job.render_notebook_job",
    becomes="NotebookJob",
    check=_check,
    retries="job",
    in_loop=InLoop.NOT_ALLOWED,
    directories=("additional_dependencies",),
)
