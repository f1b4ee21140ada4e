"""The form in a definition of a value of the execution: a parameter, a metric, a step's output."""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import Parameter, ParameterTypeEnum
from sagemaker.mlops.workflow.for_each_step import CurrentItem

from smp.compiler.steps.approved_model import metric_of
from smp.compiler.steps.context import StepContext
from smp.config.steps.section_step import MODEL_ARTIFACTS, StepConfig
from smp.config.values.condition import FINAL_METRICS, ITEM, OUTPUTS, PARAMETERS, Reference
from smp.config.values.message import message_parts
from smp.config.values.reports import EVALUATION_REPORT
from smp.errors import CompileError
from smp.graph.nodes import StepNode


def value_of(context: StepContext, node: StepNode, reference: Reference) -> Any:
    """Return the expression for what a step's condition, message or input refers to."""
    if reference.kind == PARAMETERS:
        return _parameter(context, reference.path)
    if reference.kind == ITEM:
        return getattr(CurrentItem(), reference.path) if reference.path else CurrentItem()
    source = dict(node.reports).get(reference.owner)
    if source is None:
        raise CompileError(
            f"reads '{reference}' where '{reference.owner}' does not run: it is on the other side "
            f"of the condition '{node.branch.condition if node.branch else ''}'"
        )
    step, properties = context.made[source][-1], context.properties(node, source)
    if reference.kind == OUTPUTS and context.graph.node(source).step_class == "ForEach":
        return getattr(properties, reference.path)
    if reference.kind == OUTPUTS and isinstance(context.graph.node(source).config, StepConfig):
        is_artifact = reference.path == MODEL_ARTIFACTS
        return (
            context.artifact_of(node, source)
            if is_artifact
            else getattr(properties, reference.path)
        )
    if reference.kind == OUTPUTS:
        is_selected = source in node.selected
        return (properties.OutputParameters if is_selected else properties.Outputs)[reference.path]
    if context.graph.node(source).packages is not None:
        return metric_of(context, context.graph.node(source), reference.path)
    if reference.kind == FINAL_METRICS:
        return properties.FinalMetricDataList[reference.path].Value
    file = reference.report or EVALUATION_REPORT
    return JsonGet(step_name=step.name, property_file=file, json_path=reference.path)


def text_of(context: StepContext, node: StepNode, text: str) -> Any:
    """Return a text with expressions for the values in it; parameters are put in after the SDK."""
    parts = [
        part if isinstance(part, str) else _in_text(context, node, part)
        for part in message_parts(text)
    ]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else Join("", parts)


def input_of(context: StepContext, node: StepNode, value: str | int | float | bool) -> Any:
    """Return what a step hands over: a reference that is all of a text keeps its type."""
    parts = list(message_parts(value)) if isinstance(value, str) else []
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return value_of(context, node, parts[0])
    return text_of(context, node, value) if isinstance(value, str) and value else value


def _in_text(context: StepContext, node: StepNode, reference: Reference) -> Any:
    if reference.kind in (PARAMETERS, ITEM):
        return f"${{{reference}}}"
    return value_of(context, node, reference)


def _parameter(context: StepContext, name: str) -> Parameter:
    declared = {item.name: item for item in context.graph.pipeline.config.parameters}
    return Parameter(name=name, parameter_type=ParameterTypeEnum(declared[name].type))
