"""The events that SageMaker sends about a pipeline's executions and steps, and rules on them.

Source: SageMaker developer guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import aws_cdk as cdk
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_events as events

SOURCE = "aws.sagemaker"
EXECUTION_STATUS_CHANGE = "SageMaker Model Building Pipeline Execution Status Change"
STEP_STATUS_CHANGE = "SageMaker Model Building Pipeline Execution Step Status Change"


class EventOptions(TypedDict, total=False):
    """What every `on_...` method accepts, with the meaning that it has in the CDK (`OnEventOptions`)."""

    target: events.IRuleTarget
    """What receives the event. Without it the rule has no target until `rule.add_target`."""
    event_pattern: events.EventPattern
    """Further conditions: `detail={"stepType": ["Training"]}`."""
    description: str
    rule_name: str
    cross_stack_scope: Construct
    """Where the rule is created, instead of below the pipeline: needed if the target is in another stack
    that depends on this one."""


def add_rule(
    scope: Construct,
    construct_id: str,
    condition: events.EventPattern,
    *,
    target: events.IRuleTarget | None = None,
    event_pattern: events.EventPattern | None = None,
    description: str | None = None,
    rule_name: str | None = None,
    cross_stack_scope: Construct | None = None,
) -> events.Rule:
    """Return a new rule on events that meet a condition; the keywords are those of `EventOptions`."""
    from aws_cdk import aws_events as events

    rule = events.Rule(
        cross_stack_scope or scope,
        construct_id,
        event_pattern=event_pattern,
        description=description,
        rule_name=rule_name,
    )
    rule.add_event_pattern(
        source=condition.source, detail_type=condition.detail_type, detail=condition.detail
    )
    rule.add_target(target)
    return rule


def event_condition(
    pipeline_arn: str, detail_types: Sequence[str], detail: Mapping[str, Sequence[str]]
) -> events.EventPattern:
    """Return what the events of one pipeline have in common, with further members of `detail`."""
    from aws_cdk import aws_events as events

    # SageMaker writes names in ARNs in lower case in some places and as created in others.
    of_pipeline = {"pipelineArn": [{"equals-ignore-case": pipeline_arn}]}
    return events.EventPattern(
        source=[SOURCE], detail_type=list(detail_types), detail={**of_pipeline, **detail}
    )


def warn_about_another_bus(pipeline: cdk.Resource, rule: events.Rule) -> None:
    """SageMaker sends events to the default bus of the pipeline's own account and region only."""
    stack = cdk.Stack.of(rule)
    places = {
        "account": (pipeline.env.account, stack.account),
        "region": (pipeline.env.region, stack.region),
    }
    for place, (of_pipeline, of_rule) in places.items():
        if not cdk.Token.is_unresolved(of_pipeline + of_rule) and of_pipeline != of_rule:
            cdk.Annotations.of(rule).add_warning_v2(
                f"smp:pipelineEventsOfAnother{place.capitalize()}",
                f"SageMaker sends the events of this pipeline to the event bus of {place} "
                f"{of_pipeline}, and the rule is in {place} {of_rule}. Create the rule in a stack of "
                f"{place} {of_pipeline}, or forward the events to this event bus.",
            )
