"""A pipeline of the bundled kind, with code on disk, and twelve and more ways to change it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline, Json, ModelPackageGroup, nested_steps
from smp.definition.triggers import DataArrival, Schedule
from smp.review.states.state import State

NAME = "churn-lightgbm"
DEFINITION = json.loads(Path(__file__).with_name("churn.json").read_text("utf-8"))
SCRIPTS: Mapping[str, bytes] = {
    "train.py": b"import lightgbm\n\n\ndef main() -> None:\n    train()\n",
    "evaluate.py": b"print('evaluate')\n",
    "inference.py": b"print('inference')\n",
    "requirements.txt": b"lightgbm==4.5\n",
}
DRIVERS = {"sm_train.sh": b"#!/bin/bash\n"}

Files = Mapping[str, bytes]


def churn(
    store: Path, scripts: Files = SCRIPTS, edit: Callable[[Json], None] | None = None, **other: Any
) -> CompiledPipeline:
    """The pipeline with these scripts; `edit` changes its definition in place."""
    definition = copy.deepcopy(DEFINITION)
    if edit is not None:
        edit(definition)
    trees = CodeStore(store)
    code = (
        trees.add_files(scripts, "churn_lightgbm/scripts"),
        trees.add_files(DRIVERS, "sdk drivers"),
    )
    text = json.dumps(definition)
    for tree in code:
        text = text.replace(f"<code:{tree.origin}>", tree.sha256)
    pipeline = CompiledPipeline(
        name=NAME,
        definition=json.loads(text),
        code=code,
        code_store=store,
        tags={"team": "churn"},
        model_package_groups=(ModelPackageGroup("churn-lightgbm", "Churn of customers"),),
        models=("churn-lightgbm",),
        step_models={step["Name"]: "churn-lightgbm" for step in nested_steps(definition["Steps"])},
    )
    return replace(pipeline, **other)


def step(definition: Json, name: str) -> Json:
    """One step of a definition, to be changed."""
    found: Json = next(item for item in definition["Steps"] if item["Name"] == name)
    return found


def training(definition: Json) -> Json:
    """The arguments of the training job."""
    arguments: Json = step(definition, "churn-training")["Arguments"]
    return arguments


def state(label: str, *pipelines: CompiledPipeline) -> State:
    return State.of(label, pipelines)


@dataclass(frozen=True)
class Case:
    """One kind of change."""

    edit: Callable[[Json], None] | None = None
    scripts: Files | None = None
    other: Mapping[str, Any] | None = None

    def change(self, definition: Json) -> None:
        """Change a definition in place."""
        if self.edit is not None:
            self.edit(definition)

    def head(self, store: Path) -> CompiledPipeline:
        return churn(store, self.scripts or SCRIPTS, self.edit, **(self.other or {}))


def _hyperparameters(definition: Json) -> None:
    arguments = training(definition)
    arguments["HyperParameters"]["learning_rate"] = "0.01"
    arguments["HyperParameters"]["max_depth"] = "6"
    del arguments["HyperParameters"]["seed"]
    arguments["Environment"] = {"LOG_LEVEL": "debug"}


def _instances(definition: Json) -> None:
    arguments = training(definition)
    arguments["ResourceConfig"] |= {"InstanceType": "ml.m5.4xlarge", "InstanceCount": 2}
    arguments["ResourceConfig"]["VolumeSizeInGB"] = 100
    arguments["StoppingCondition"]["MaxRuntimeInSeconds"] = 7200


def _image(definition: Json) -> None:
    account = "${smp:account_id}.dkr.ecr.${smp:region}.amazonaws.com"
    training(definition)["AlgorithmSpecification"]["TrainingImage"] = (
        f"{account}/churn-lightgbm:1.1"
    )


def _added(definition: Json) -> None:
    cluster = {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 3, "VolumeSizeInGB": 30}
    definition["Steps"].insert(
        0,
        {
            "Name": "churn-prepare",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {"ClusterConfig": cluster},
                "AppSpecification": {"ImageUri": "1.dkr.ecr.eu-west-1.amazonaws.com/tables:2"},
                "RoleArn": "${smp:role_arn}",
                "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
            },
        },
    )
    step(definition, "churn-training")["DependsOn"] = ["churn-prepare"]


def _removed(definition: Json) -> None:
    definition["Steps"] = [s for s in definition["Steps"] if s["Name"] != "churn-metrics"]
    register = step(definition, "churn-register-RegisterModel")
    register["DependsOn"] = ["churn-transform"]
    del register["Arguments"]["ModelMetrics"]


def _gated(definition: Json) -> None:
    register = definition["Steps"].pop()
    del register["DependsOn"]
    report = {"Get": "Steps.churn-metrics.PropertyFiles.EvaluationReport"}
    value = {"Std:JsonGet": {"PropertyFile": report, "Path": "auc"}}
    condition = {"Type": "GreaterThanOrEqualTo", "LeftValue": value, "RightValue": 0.8}
    definition["Steps"].append(
        {
            "Name": "churn-gate",
            "Type": "Condition",
            "Arguments": {"Conditions": [condition], "IfSteps": [register], "ElseSteps": []},
        }
    )


def _gate_at(threshold: float) -> Callable[[Json], None]:
    def edit(definition: Json) -> None:
        _gated(definition)
        (condition,) = step(definition, "churn-gate")["Arguments"]["Conditions"]
        condition["RightValue"] = threshold

    return edit


def _security(definition: Json) -> None:
    arguments = training(definition)
    del arguments["VpcConfig"]
    del arguments["ResourceConfig"]["VolumeKmsKeyId"]
    arguments["EnableInterContainerTrafficEncryption"] = False
    arguments["RoleArn"] = "arn:aws:iam::111122223333:role/other"
    network = step(definition, "churn-metrics")["Arguments"]["NetworkConfig"]
    network["EnableNetworkIsolation"] = True


def _inputs(definition: Json) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://partner-tables/churn/extra"}
    channel = {"ChannelName": "extra", "DataSource": {"S3DataSource": source}}
    arguments = training(definition)
    arguments["InputDataConfig"].append(channel)
    validation = arguments["InputDataConfig"][1]["DataSource"]["S3DataSource"]
    validation["S3Uri"] = "s3://${smp:bucket}/churn/validation-2026"
    arguments["OutputDataConfig"]["S3OutputPath"] = "s3://${smp:bucket}/models/churn"


def _caching(definition: Json) -> None:
    step(definition, "churn-training")["CacheConfig"]["ExpireAfter"] = "30d"
    del step(definition, "churn-transform")["CacheConfig"]
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "MaxAttempts": 5}
    step(definition, "churn-training")["RetryPolicies"] = [policy]


def _registry(definition: Json) -> None:
    arguments = step(definition, "churn-register-RegisterModel")["Arguments"]
    arguments["ModelPackageGroupName"] = "churn"
    arguments["ModelApprovalStatus"] = "Approved"
    arguments["InferenceSpecification"]["SupportedContentTypes"].append("application/json")


def _parameters(definition: Json) -> None:
    definition["Parameters"] = [{"Name": "Rounds", "Type": "Integer", "DefaultValue": 400}]
    training(definition)["HyperParameters"]["num_boost_round"] = {"Get": "Parameters.Rounds"}


def _edges(definition: Json) -> None:
    step(definition, "churn-metrics")["DependsOn"] = ["churn-training"]
    step(definition, "churn-transform")["DependsOn"] = [
        {"Step": "churn-create-model-CreateModel", "Trigger": "Any"}
    ]


CHANGED_SCRIPTS: Files = {
    **{name: data for name, data in SCRIPTS.items() if name != "inference.py"},
    "train.py": SCRIPTS["train.py"].replace(b"train()", b"fit()\n    save()"),
    "table.bin": b"\x00\x01" * 700,
}

CASES: Mapping[str, Case] = {
    "code": Case(scripts=CHANGED_SCRIPTS),
    "hyperparameters": Case(_hyperparameters),
    "instances": Case(_instances),
    "image": Case(_image),
    "step-added": Case(_added),
    "step-removed": Case(_removed),
    "step-moved": Case(_gated),
    "security": Case(_security),
    "inputs": Case(_inputs),
    "caching": Case(_caching),
    "registry": Case(
        _registry, other={"model_package_groups": (ModelPackageGroup("churn", "All models"),)}
    ),
    "parameters": Case(_parameters),
    "edges": Case(_edges),
    "triggers": Case(
        other={
            "triggers": (
                Schedule(
                    "nightly",
                    parameters={"rounds": "500"},
                    expression="cron(0 6 ? * MON-FRI *)",
                    timezone="Europe/Berlin",
                ),
                DataArrival("arrivals", enabled=False, prefix="incoming/"),
            )
        }
    ),
    "targets": Case(
        other={
            "targets": ("sagemaker", "stepfunctions"),
            "triggers": (Schedule("nightly", expression="rate(1 day)", target="stepfunctions"),),
        }
    ),
    "settings": Case(
        other={
            "tags": {"team": "customers", "cost-centre": "17"},
            "max_parallel_steps": 2,
            "description": "Finds customers that leave",
            "internet_egress": True,
        }
    ),
}
