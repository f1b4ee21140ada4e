"""Renders ForEach steps: a loop around steps that were rendered before it."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow import for_each_step as sdk

from smp.compiler.steps.context import StepContext
from smp.compiler.steps.values import value_of
from smp.config.steps.for_each import ForEachStep, item_text
from smp.config.values.condition import OUTPUTS, Reference
from smp.config.values.message import message_parts
from smp.graph.nodes import StepNode


def render_for_each(context: StepContext, node: StepNode) -> list[Any]:
    """Render a ForEach step; an item that is a mapping is JSON in the definition."""
    config = node.config
    assert isinstance(config, ForEachStep)
    body = context.graph.in_loop(node.name)
    return [
        sdk.ForEachStep(
            name=node.name,
            iterable_items=_items(context, node, config),
            max_concurrency=config.max_concurrency,
            for_each_body=[step for inner in body for step in context.made[inner.name]],
            selector=_selector(body, config),
            depends_on=context.waits_for(node) or None,
        )
    ]


def _items(context: StepContext, node: StepNode, config: ForEachStep) -> Any:
    if isinstance(config.items, str):
        (read,) = message_parts(config.items)
        assert isinstance(read, Reference)
        return value_of(context, node, read)
    return [item_text(item) if isinstance(item, dict) else item for item in config.items]


def _selector(body: tuple[StepNode, ...], config: ForEachStep) -> sdk.ForEachSelector | None:
    compared = config.selected
    if config.selector is None or compared is None:
        return None
    inner = next(node for node in body if (node.copy_of or node.name) == compared.owner)
    output = sdk.IterationOutput(inner.emitted[-1])
    if compared.kind == OUTPUTS:
        field = output.OutputParameters[compared.path]
    else:
        field = output.FinalMetricDataList[compared.path].Value
    return sdk.ForEachSelector(pick=config.selector.pick, field=field)
