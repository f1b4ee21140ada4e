"""Compiled pipelines written by hand, as small as their promise allows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smp.definition.compiled import (
    CodeFile,
    CodeTree,
    CompiledPipeline,
    Json,
    ModelPackageGroup,
)
from smp.definition.triggers import ApprovedModel, DataArrival, Schedule, Trigger

BUCKET = "s3://${smp:bucket}"
ROLE = "${smp:role_arn}"
KEY = "${smp:kms_key_arn}"
VPC = {"Subnets": ["${smp:subnets}"], "SecurityGroupIds": ["${smp:security_group_ids}"]}
OWN_IMAGE = "${smp:account_id}.dkr.ecr.${smp:region}.amazonaws.com/trainer:1.0"
REGIONAL_IMAGE = "${smp:image.sklearn-1.2-1}"
IMAGES = {
    "sklearn-1.2-1": {
        "eu-west-1": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1",
        "us-east-1": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1",
    }
}
TRIGGERS: tuple[Trigger, ...] = (
    Schedule(
        "nightly",
        expression="cron(0 6 ? * MON-FRI *)",
        timezone="Europe/Berlin",
        parameters={"sample_size": "all"},
    ),
    DataArrival(
        "new-sales",
        prefix="incoming/",
        suffix=".csv",
        parameters={"input-key": "${event.key}", "mode": "fast"},
    ),
    DataArrival("partner-data", bucket="partner-data", prefix="sales/"),
    ApprovedModel(
        "approved",
        model_package_group="upstream-Models",
        parameters={"model": "${event.model_package_arn}"},
    ),
    DataArrival("switched-off", enabled=False, prefix="elsewhere/"),
)
"""One of each type, and one that is switched off."""


def code_tree(store: Path, files: Mapping[str, str], templates: Sequence[str] = ()) -> CodeTree:
    """Write a tree into a code store."""
    kept = tuple(
        CodeFile(name, len(text), hashlib.sha256(text.encode()).hexdigest(), name in templates)
        for name, text in sorted(files.items())
    )
    sha256 = hashlib.sha256(repr(kept).encode()).hexdigest()
    for name, text in files.items():
        path = store / sha256 / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return CodeTree(sha256, kept, "scripts")


def processing(name: str, tree: CodeTree, out: str, **arguments: Any) -> Json:
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": REGIONAL_IMAGE, "ContainerEntrypoint": ["python3"]},
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.xlarge",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 32,
                    "VolumeKmsKeyId": KEY,
                }
            },
            "ProcessingInputs": [
                {"InputName": "code", "S3Input": {"S3Uri": f"{BUCKET}/{tree.key}/prep.py"}},
                {"InputName": "raw", "S3Input": {"S3Uri": "s3://company-data/raw"}},
            ],
            "ProcessingOutputConfig": {
                "KmsKeyId": KEY,
                "Outputs": [
                    {
                        "OutputName": "train",
                        "S3Output": {
                            "S3Uri": {
                                "Std:Join": {
                                    "On": "/",
                                    "Values": [
                                        f"{BUCKET}/{out}",
                                        {"Get": "Execution.PipelineExecutionId"},
                                        name,
                                    ],
                                }
                            }
                        },
                    }
                ],
            },
            "NetworkConfig": {"VpcConfig": VPC},
            **arguments,
        },
    }


def training(name: str, tree: CodeTree, out: str, source: str) -> Json:
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": OWN_IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": {"rounds": "12", "region": "${smp:region}"},
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {
                            "S3Uri": {
                                "Get": f"Steps.{source}.ProcessingOutputConfig"
                                ".Outputs['train'].S3Output.S3Uri"
                            }
                        }
                    },
                },
                {
                    "ChannelName": "code",
                    "DataSource": {"S3DataSource": {"S3Uri": f"{BUCKET}/{tree.key}"}},
                },
            ],
            "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models/{out}", "KmsKeyId": KEY},
            "VpcConfig": VPC,
        },
    }


def register(name: str, group: str, source: str) -> Json:
    return {
        "Name": name,
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": OWN_IMAGE,
                        "ModelDataUrl": {"Get": f"Steps.{source}.ModelArtifacts.S3ModelArtifacts"},
                    }
                ]
            },
        },
    }


def definition(*steps: Json) -> Json:
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": list(steps)}


def full_pipeline(store: Path, name: str = "churn", **fields: Any) -> CompiledPipeline:
    """Processing, training and registration, with a template file in its code."""
    tree = code_tree(
        store,
        {"prep.py": "print('prep')\n", "sub/where.json": '{"bucket": "${smp:bucket}"}\n'},
        templates=["sub/where.json"],
    )
    values: dict[str, Any] = {
        "name": name,
        "definition": definition(
            processing("prep", tree, name),
            training("fit", tree, name, "prep"),
            register("register-RegisterModel", f"{name}-Models", "fit"),
        ),
        "code": (tree,),
        "code_store": store,
        "display_name": f"{name}-shown",
        "description": f"What {name} does",
        "max_parallel_steps": 3,
        "tags": {"team": "research"},
        "images": IMAGES,
        "model_package_groups": (ModelPackageGroup(f"{name}-Models", "All of them"),),
        "models": (name,),
    }
    return CompiledPipeline(**(values | fields))


def processing_only(store: Path, name: str = "prepare", **fields: Any) -> CompiledPipeline:
    """One processing step."""
    tree = code_tree(store, {"prep.py": "print('only')\n"})
    values: dict[str, Any] = {
        "name": name,
        "definition": definition(processing("prep", tree, name)),
        "code": (tree,),
        "code_store": store,
        "images": IMAGES,
    }
    return CompiledPipeline(**(values | fields))


def many_steps(store: Path, count: int, name: str = "wide") -> CompiledPipeline:
    """`count` processing steps, each with an environment that fills the definition."""
    tree = code_tree(store, {"prep.py": "print('wide')\n"})
    environment = {f"VARIABLE_{number}": "x" * 100 for number in range(20)}
    steps = [
        processing(f"prep-{number}", tree, name, Environment=environment) for number in range(count)
    ]
    return CompiledPipeline(
        name=name,
        definition=definition(*steps),
        code=(tree,),
        code_store=store,
        images=IMAGES,
    )
