"""Renders DeleteModel steps: a call of the function that deletes a model.

The SDK's own CleanupStep deletes objects of S3, and only of steps outside a VPC.
"""

from __future__ import annotations

from typing import Any

from smp.compiler.steps.context import StepContext
from smp.compiler.steps.lambda_step import function_step
from smp.definition.expressions import ParameterType
from smp.definition.functions import DELETE_MODEL
from smp.graph.nodes import StepNode
from smp.lookup.delete_model import DELETED, MODEL


def render_delete_model(context: StepContext, node: StepNode) -> list[Any]:
    """Render a DeleteModel step, which waits for all that use the model."""
    assert node.create_model is not None
    users = [context.graph.node(name).emitted[-1] for _, name in node.reports]
    waits = dict.fromkeys([*users, *context.waits_for(node)])
    arguments = {MODEL: context.made[node.create_model][-1].properties.ModelName}
    outputs: dict[str, ParameterType] = {DELETED: "Boolean"}
    return [
        function_step(context.session, node.name, DELETE_MODEL.arn, arguments, outputs, [*waits])
    ]
