"""Renders ApprovedModel steps: a call of the function that looks into the model registry.

The deployment makes the function; a local run calls the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sagemaker.core.workflow.conditions import Condition, ConditionEquals

from smp.compiler.sdk.constants import to_names
from smp.compiler.steps.context import StepContext, sdk_view
from smp.compiler.steps.images import section_image
from smp.compiler.steps.lambda_step import function_step
from smp.config.steps.approved_model import APPROVED_OUTPUTS, ApprovedModelStep
from smp.config.steps.base import StepBase
from smp.config.steps.condition import ConditionStep, FailStep
from smp.config.steps.function import ExternalStep
from smp.config.values.condition import METRICS, Reference, parse_condition, references
from smp.config.values.message import message_parts
from smp.definition.expressions import ParameterType
from smp.definition.functions import APPROVED_MODEL
from smp.graph.nodes import PackageSource, PipelineGraph, StepNode
from smp.lookup import approved_model as lookup


def render_approved_model(context: StepContext, node: StepNode) -> list[Any]:
    """Render an ApprovedModel step; each metric that is read of it is a separate output."""
    assert isinstance(node.config, ApprovedModelStep)
    assert node.packages is not None
    metrics = metric_outputs(context.graph, node)
    serves = any(other.approved == node.name for other in context.graph.steps)
    lists = {
        lookup.ARTIFACTS: node.packages.artifacts if serves else (),
        lookup.IMAGES: _images(context, node.packages) if serves else (),
        lookup.REPORTS: node.packages.reports if metrics else (),
    }
    arguments = {
        lookup.GROUP: node.packages.group,
        lookup.VERSION: str(node.config.version),
        lookup.WHEN_NONE: node.config.when_none,
        **{key: "\n".join(dict.fromkeys(items)) for key, items in lists.items() if items},
        **{output: path for path, output in metrics.items()},
    }
    floats: dict[str, ParameterType] = dict.fromkeys(metrics.values(), "Float")
    outputs = {**APPROVED_OUTPUTS, **floats}
    waits = context.waits_for(node)
    return [
        function_step(context.session, node.name, APPROVED_MODEL.arn, arguments, outputs, waits)
    ]


def _images(context: StepContext, packages: PackageSource) -> list[str]:
    """Return the images of a group's versions by their deploy-time names."""
    serving = packages.serving
    own = [to_names(section_image(context, sdk_view(serving)))] if serving else []
    return [*own, *packages.images]


def metric_outputs(graph: PipelineGraph, node: StepNode) -> dict[str, str]:
    """Return the output for each metric that other steps read of an ApprovedModel step, by its path."""
    paths = dict.fromkeys(
        reference.path
        for reader in graph.steps
        for reference in _read_by(reader.config)
        if reference.kind == METRICS and dict(reader.reports).get(reference.owner) == node.name
    )
    return {path: f"{lookup.METRIC}{number}" for number, path in enumerate(paths, start=1)}


def metric_of(context: StepContext, node: StepNode, path: str) -> Any:
    """Return the expression for a metric of the version that an ApprovedModel step finds."""
    outputs = context.made[node.name][-1].properties.Outputs
    return outputs[metric_outputs(context.graph, node)[path]]


def none_approved(
    context: StepContext, node: StepNode, read: Iterable[Reference]
) -> Iterator[Condition]:
    """Yield what holds where there is no version to compare with: then a comparison holds as well."""
    compared = (reference.owner for reference in read if reference.kind == METRICS)
    for owner in dict.fromkeys(compared):
        name = dict(node.reports).get(owner)
        source = context.graph.node(name).config if name else None
        if isinstance(source, ApprovedModelStep) and source.when_none == lookup.CONTINUE:
            outputs = context.made[source.step_name][-1].properties.Outputs
            yield ConditionEquals(left=outputs[lookup.EXISTS], right=False)


def _read_by(config: StepBase) -> Iterator[Reference]:
    """Yield what a step's condition, message or inputs refer to."""
    if isinstance(config, ConditionStep):
        yield from references(parse_condition(config.condition))
        return
    texts: list[Any] = [config.message] if isinstance(config, FailStep) else []
    texts += config.inputs.values() if isinstance(config, ExternalStep) else ()
    for text in texts:
        if isinstance(text, str):
            yield from (part for part in message_parts(text) if isinstance(part, Reference))
