"""Environments with state machines and Airflow, and the pipelines in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.triggers import ApprovedModel, DataArrival, Schedule
from tests.stacks.pipelines import full_pipeline, processing_only
from tests.stacks.synthesis import Asked

PLACE = {"account": "123456789012", "region": "eu-west-1"}
PARAMETERS: list[Json] = [
    {"Name": "rounds", "Type": "Integer", "DefaultValue": 12},
    {"Name": "share", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "dry", "Type": "Boolean", "DefaultValue": False},
    {"Name": "input_key", "Type": "String", "DefaultValue": "none"},
    {"Name": "model", "Type": "String", "DefaultValue": "none"},
]
TRIGGERS = (
    Schedule(
        "nightly",
        expression="cron(0 6 ? * MON-FRI *)",
        timezone="Europe/Berlin",
        target="stepfunctions",
        parameters={"rounds": "500", "share": "0.25", "dry": "true", "model": "a <b>"},
    ),
    DataArrival(
        "new-sales",
        prefix="incoming/",
        suffix=".csv",
        target="stepfunctions",
        parameters={"input_key": "${event.key}", "rounds": "3", "model": "a <b>"},
    ),
    ApprovedModel("approved", model_package_group="upstream-Models", target="stepfunctions"),
    Schedule("weekly", expression="rate(7 days)"),
    Schedule("daily", expression="rate(1 day)", target="airflow", parameters={"rounds": "7"}),
)


def everywhere(store: Path) -> CompiledPipeline:
    """A pipeline with all three targets, and triggers for each of them."""
    pipeline = full_pipeline(
        store, targets=("sagemaker", "airflow", "stepfunctions"), triggers=TRIGGERS
    )
    pipeline.definition["Parameters"] = PARAMETERS
    return pipeline


def environments(store: Path) -> list[Asked]:
    """Return them by where their Airflow is."""
    managed: dict[str, Any] = {"type": "mwaa", "sessionHost": True}
    hosted = {"type": "self_managed"}
    machine = processing_only(store, "machine", targets=("stepfunctions",))
    dag = processing_only(store, "dag", targets=("airflow",))
    started = processing_only(
        store, "started", targets=("sagemaker", "airflow"), airflow_mode="start"
    )
    workflow = processing_only(store, "workflow", targets=("airflow",))
    large = processing_only(store, "large", targets=("sagemaker", "stepfunctions"))
    return [
        Asked("managed", {**PLACE, "orchestration": managed}, [everywhere(store), machine]),
        Asked(
            "hosted",
            {**PLACE, "network": {"internetEgress": True}, "orchestration": hosted},
            [dag, started],
        ),
        Asked("serverless", {**PLACE, "orchestration": {"type": "mwaa_serverless"}}, [workflow]),
        Asked(
            "brought",
            {
                **PLACE,
                "removalPolicy": "destroy",
                "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
                "network": {
                    "subnetIds": ["subnet-1", "subnet-2"],
                    "egressSubnetIds": ["subnet-3a2b3c4d", "subnet-4a2b3c4d"],
                    "securityGroupIds": ["sg-1"],
                },
                "maxInlineDefinitionCharacters": 0,
                "stateMachines": {"logLevel": "ERROR", "logDays": 365},
                "orchestration": {
                    "type": "mwaa",
                    "environmentClass": "mw1.micro",
                    "maxWorkers": 1,
                    "internetEgress": True,
                    "requirements": ["pandas==2.2.3"],
                    "configuration": {"core.default_task_retries": 2},
                    "maintenance": "SUN:03:30",
                    "network": {
                        "vpcId": "vpc-1a2b3c4d",
                        "subnetIds": ["subnet-3a2b3c4d", "subnet-4a2b3c4d"],
                    },
                },
            },
            [large],
        ),
    ]
