"""What starts a deployed pipeline is read back as it was configured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smp.aws.deployed_triggers import deployed_triggers
from smp.aws.session import open_session
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import substitute
from smp.definition.triggers import (
    ApprovedModel,
    DataArrival,
    Schedule,
    Trigger,
    event_path,
    event_pattern,
    rule_name,
    schedule_group_name,
)
from smp.review.diff.compare import compare_pipelines
from tests.aws.account import ACCOUNT, REGION, Account
from tests.aws.definitions import definition
from tests.aws.test_deployed import BUCKET, value_of

NAME = "Churn"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/churn"
SCHEDULE = Schedule(
    "nightly",
    parameters={"rounds": "5", "sample_size": "all"},
    expression="cron(0 6 ? * MON-FRI *)",
    timezone="Europe/Berlin",
    end="2099-01-01T05:00:00Z",
)
TRIGGERS: tuple[Trigger, ...] = (
    DataArrival("plain", prefix="in/"),
    SCHEDULE,
    DataArrival(
        "odd",
        bucket="partner-data",
        prefix="a*b\\c/",
        suffix="*.csv",
        parameters={"key": "${event.key}"},
    ),
    Schedule("weekly", expression="rate(7 days)"),
    ApprovedModel("model-" + "x" * 26, model_package_group="shop-model"),
    DataArrival("off", enabled=False, prefix="elsewhere/"),
)
DEPLOYED = TRIGGERS[:-1]


def put(account: Account, trigger: Trigger, name: str = NAME) -> None:
    """Do what the stack does."""
    values = {key: event_path(value) or value for key, value in trigger.parameters.items()}
    listed = [{"Name": key, "Value": value} for key, value in values.items()]
    target: dict[str, Any] = {"Arn": ARN, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/starts"}
    if listed:
        target["SageMakerPipelineParameters"] = {"PipelineParameterList": listed}
    if isinstance(trigger, Schedule):
        times = {"ScheduleExpressionTimezone": trigger.timezone, "EndDate": trigger.end}
        account.client("scheduler").create_schedule(
            GroupName=schedule_group_name(name),
            Name=trigger.name,
            ScheduleExpression=trigger.expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
            **{key: value for key, value in times.items() if value},
        )
        return
    assert isinstance(trigger, (DataArrival, ApprovedModel))
    events, rule = account.client("events"), rule_name(name, trigger.name)
    pattern = json.dumps(substitute(event_pattern(trigger), value_of))
    events.put_rule(Name=rule, EventPattern=pattern)
    events.put_targets(Rule=rule, Targets=[{"Id": "Pipeline", **target}])


@pytest.fixture
def started(account: Account) -> Account:
    account.client("scheduler").create_schedule_group(Name=schedule_group_name(NAME))
    for trigger in DEPLOYED:
        put(account, trigger)
    return account


def read(known: tuple[Trigger, ...] = TRIGGERS) -> tuple[Trigger, ...]:
    return deployed_triggers(open_session(), NAME, ARN, BUCKET, known)


@pytest.mark.usefixtures("started")
def test_triggers_come_back_as_they_were_configured() -> None:
    assert read() == DEPLOYED


@pytest.mark.usefixtures("started")
def test_they_come_back_where_no_configuration_knows_them() -> None:
    assert {trigger.name: trigger for trigger in read(())} == {t.name: t for t in DEPLOYED}


@pytest.mark.usefixtures("account")
def test_a_pipeline_that_nothing_starts_has_none() -> None:
    assert read() == ()


def test_what_somebody_switched_off_or_made_by_hand_is_left_out(started: Account) -> None:
    events = started.client("events")
    events.disable_rule(Name=rule_name(NAME, "plain"))
    own = event_pattern(DataArrival("plain", bucket=BUCKET, prefix="in/"))
    for name, pattern in (("by-hand", own), ("Churn-other", {"source": ["a"]})):
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "Pipeline", "Arn": ARN}])
    assert read() == DEPLOYED[1:]


def test_a_trigger_that_is_switched_off_is_no_change_to_what_is_deployed(tmp_path: Path) -> None:
    head = CompiledPipeline(NAME, definition("train"), (), tmp_path, triggers=TRIGGERS)
    deployed = replace(head, triggers=DEPLOYED)
    assert compare_pipelines(deployed, head, knows_config=False) is None
    without = replace(head, triggers=DEPLOYED[1:])
    change = compare_pipelines(without, head, knows_config=False)
    assert change is not None
    assert {item.name.partition(".")[0] for item in change.settings} == {"plain"}
