"""Renders Lambda and Callback steps."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.callback_step import (
    CallbackOutput,
    CallbackOutputTypeEnum,
    CallbackStep,
)

from smp.compiler.steps.context import StepContext
from smp.compiler.steps.lambda_step import function_step
from smp.compiler.steps.values import input_of
from smp.config.steps import function as config
from smp.definition.deploy_values import ACCOUNT_ID, REGION, URL_SUFFIX
from smp.definition.permissions.statement import regional_arn
from smp.graph.nodes import StepNode


def render_lambda(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Lambda step."""
    assert isinstance(node.config, config.LambdaStep)
    written = node.config.function
    arn = written if written.startswith("arn:") else regional_arn("lambda", f"function:{written}")
    inputs = _inputs(context, node, node.config)
    waits = context.waits_for(node)
    outputs, cache = node.config.outputs, context.cache_config(node)
    return [function_step(context.session, node.name, arn, inputs, outputs, waits, cache)]


def render_callback(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Callback step."""
    assert isinstance(node.config, config.CallbackStep)
    written = node.config.queue
    url = f"https://sqs.{REGION}.{URL_SUFFIX}/{ACCOUNT_ID}/{written}"
    return [
        CallbackStep(
            name=node.name,
            sqs_queue_url=written if written.startswith("https:") else url,
            inputs=_inputs(context, node, node.config),
            outputs=[
                CallbackOutput(name, CallbackOutputTypeEnum[kind])
                for name, kind in node.config.outputs.items()
            ],
            cache_config=context.cache_config(node),
            depends_on=context.waits_for(node) or None,
        )
    ]


def _inputs(context: StepContext, node: StepNode, outside: config.ExternalStep) -> dict[str, Any]:
    return {name: input_of(context, node, value) for name, value in outside.inputs.items()}
