"""Renders Condition and Fail steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagemaker.core.workflow.conditions import (
    Condition,
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep

from smp.compiler.steps.approved_model import none_approved
from smp.compiler.steps.context import StepContext
from smp.compiler.steps.values import text_of, value_of
from smp.config.steps import condition as config
from smp.config.values import condition as language
from smp.graph.nodes import Branch, StepNode

COMPARISONS: dict[language.Operator, Callable[..., Condition]] = {
    "==": ConditionEquals,
    "<": ConditionLessThan,
    "<=": ConditionLessThanOrEqualTo,
    ">": ConditionGreaterThan,
    ">=": ConditionGreaterThanOrEqualTo,
}


def render_condition(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Condition step around the steps of its branches, which were rendered before it."""
    assert isinstance(node.config, config.ConditionStep)
    clauses = language.clauses(language.parse_condition(node.config.condition))
    return [
        ConditionStep(
            name=node.name,
            conditions=[_clause(context, node, clause) for clause in clauses],
            if_steps=_steps_on(context, Branch(node.name, taken=True)),
            else_steps=_steps_on(context, Branch(node.name, taken=False)),
            depends_on=context.waits_for(node) or None,
        )
    ]


def render_fail(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Fail step; metrics in its message are read when it is reached."""
    assert isinstance(node.config, config.FailStep)
    message = text_of(context, node, node.config.message)
    depends_on = context.waits_for(node) or None
    return [FailStep(name=node.name, error_message=message, depends_on=depends_on)]


def _steps_on(context: StepContext, branch: Branch) -> list[Any]:
    return [step for node in context.graph.on_branch(branch) for step in context.made[node.name]]


def _clause(context: StepContext, node: StepNode, clause: tuple[language.Leaf, ...]) -> Condition:
    read = (reference for leaf in clause for reference in language.references(leaf))
    conditions = list(none_approved(context, node, read))
    conditions += [_leaf(context, node, leaf) for leaf in clause]
    return conditions[0] if len(conditions) == 1 else ConditionOr(conditions=conditions)


def _leaf(context: StepContext, node: StepNode, leaf: language.Leaf) -> Condition:
    if isinstance(leaf, language.Membership):
        query = _operand(context, node, leaf.query)
        inside = ConditionIn(value=query, in_values=list(leaf.values))
        return ConditionNot(inside) if leaf.negated else inside
    left, right = (_operand(context, node, side) for side in (leaf.left, leaf.right))
    if leaf.operator == "!=":
        return ConditionNot(ConditionEquals(left=left, right=right))
    return COMPARISONS[leaf.operator](left=left, right=right)


def _operand(context: StepContext, node: StepNode, operand: language.Operand) -> Any:
    if not isinstance(operand, language.Reference):
        return operand
    return value_of(context, node, operand)
