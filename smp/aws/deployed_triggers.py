"""The schedules and rules that start a deployed pipeline, read back as triggers.

What starts a pipeline in a way that no configuration describes is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from smp.aws.service_errors import is_missing
from smp.aws.session import Session, client
from smp.definition.deploy_values import BUCKET
from smp.definition.triggers import (
    EVENT_PATHS,
    SAGEMAKER,
    ApprovedModel,
    DataArrival,
    Schedule,
    Trigger,
    event_pattern,
    rule_name,
    schedule_group_name,
)

WILDCARD = re.compile(r"((?:[^*\\]|\\.)+)\*((?:[^*\\]|\\.)+)")
NAMES = {path: f"${{event.{name}}}" for name, path in EVENT_PATHS.items()}

Json = dict[str, Any]


def deployed_triggers(
    session: Session,
    pipeline_name: str,
    pipeline_arn: str,
    bucket: str | None,
    known: Sequence[Trigger],
) -> tuple[Trigger, ...]:
    """Return what starts a pipeline, in the order of what is known. Raises ClientError.

    `bucket` is the project's. A schedule or rule that somebody switched off is left out. Only starts on
    SageMaker are read: those of other targets are taken to be as they are known.
    """
    found = [
        *_schedules(client(session, "scheduler"), pipeline_name),
        *_rules(client(session, "events"), pipeline_name, pipeline_arn, bucket, known),
        *(trigger for trigger in known if trigger.target != SAGEMAKER),
    ]
    order = [trigger.name for trigger in known]
    return tuple(
        sorted(found, key=lambda t: order.index(t.name) if t.name in order else len(order))
    )


def _schedules(scheduler: Any, pipeline_name: str) -> Iterator[Trigger]:
    group = schedule_group_name(pipeline_name)
    try:
        pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group)
        names = [item["Name"] for page in pages for item in page["Schedules"]]
    except ClientError as error:
        if is_missing(error):
            return
        raise
    for name in names:
        found = scheduler.get_schedule(GroupName=group, Name=name)
        if found.get("State") == "DISABLED":
            continue
        expression = found["ScheduleExpression"]
        yield Schedule(
            name,
            parameters=_parameters(found["Target"]),
            expression=expression,
            timezone=None
            if expression.startswith("rate(")
            else found.get("ScheduleExpressionTimezone", "UTC"),
            start=_instant(found.get("StartDate")),
            end=_instant(found.get("EndDate")),
        )


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parameters(target: Json) -> dict[str, str]:
    listed = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    return {item["Name"]: NAMES.get(item["Value"], item["Value"]) for item in listed}


def _rules(
    events: Any, pipeline_name: str, arn: str, bucket: str | None, known: Sequence[Trigger]
) -> Iterator[Trigger]:
    """Yield the triggers of rules with the names that are given to them; others are somebody else's."""
    own = {rule_name(pipeline_name, trigger.name): trigger.name for trigger in known}
    begin = f"{pipeline_name}-"
    for name in _names(events, arn):
        if name not in own and not name.startswith(begin):
            continue
        rule = events.describe_rule(Name=name)
        targets = events.list_targets_by_rule(Rule=name)["Targets"]
        target = next((item for item in targets if item["Arn"] == arn), None)
        if rule.get("State") == "DISABLED" or target is None:
            continue
        common = {
            "name": own.get(name, name.removeprefix(begin)),
            "parameters": _parameters(target),
        }
        trigger = _of_pattern(json.loads(rule.get("EventPattern") or "{}"), common, bucket)
        if trigger is not None:
            yield trigger


def _names(events: Any, arn: str) -> Iterator[str]:
    more: dict[str, str] = {}
    while True:
        page = events.list_rule_names_by_target(TargetArn=arn, **more)
        yield from page["RuleNames"]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _of_pattern(pattern: Json, common: Mapping[str, Any], bucket: str | None) -> Trigger | None:
    """Return the trigger whose pattern this is, if one has exactly this pattern."""
    detail = pattern.get("detail", {})
    trigger: DataArrival | ApprovedModel
    try:
        if "ModelPackageGroupName" in detail:
            trigger = ApprovedModel(
                **common, model_package_group=detail["ModelPackageGroupName"][0]
            )
        else:
            (name,), (keys,) = detail["bucket"]["name"], detail["object"]["key"]
            prefix, suffix = _prefix_and_suffix(keys)
            trigger = DataArrival(**common, bucket=name, prefix=prefix, suffix=suffix)
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    if event_pattern(trigger) != pattern:
        return None
    if isinstance(trigger, DataArrival) and trigger.bucket == bucket:
        return DataArrival(**{**vars(trigger), "bucket": BUCKET})
    return trigger


def _prefix_and_suffix(keys: Mapping[str, str]) -> tuple[str, str | None]:
    if "prefix" in keys:
        return keys["prefix"], None
    match = WILDCARD.fullmatch(keys["wildcard"])
    if match is None:
        raise ValueError(keys["wildcard"])
    prefix, suffix = (re.sub(r"\\(.)", r"\1", text) for text in match.groups())
    return prefix, suffix
