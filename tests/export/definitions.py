"""Pipelines as small as their promise allows, written as the compiler writes them.

Every request is one that the service's API takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline, ModelPackageGroup, nested_steps

Json = dict[str, Any]

ROLE = "${smp:role_arn}"
IMAGE = "${smp:account_id}.dkr.ecr.${smp:region}.amazonaws.com/work:1"
BUCKET = "s3://${smp:bucket}"
REPORT = "Report"
FAULTS: list[Json] = [
    {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "IntervalSeconds": 5,
        "BackoffRate": 2.0,
        "MaxAttempts": 2,
    },
    {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"],
        "IntervalSeconds": 60,
        "BackoffRate": 2.0,
        "MaxAttempts": 2,
    },
]


def pipeline(
    *steps: Json, parameters: list[Json] | None = None, most: int | None = None, name: str = "demo"
) -> CompiledPipeline:
    """Return a compiled pipeline of these steps."""
    registering = [step for step in nested_steps(list(steps)) if step["Type"] == "RegisterModel"]
    groups = sorted({step["Arguments"]["ModelPackageGroupName"] for step in registering})
    return CompiledPipeline(
        name,
        {"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)},
        (),
        Path("no-store"),
        max_parallel_steps=most,
        model_package_groups=tuple(ModelPackageGroup(group) for group in groups),
    )


def get(reference: str) -> Json:
    return {"Get": reference}


def join(*values: Any, on: str = "/") -> Json:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def parameter(name: str, kind: str = "String", **more: Any) -> Json:
    return {"Name": name, "Type": kind, **more}


def place(step: str) -> Json:
    """Return where a step writes in an execution."""
    return join(f"{BUCKET}/out", get("Execution.PipelineExecutionId"), step)


def output_of(step: str) -> Json:
    """Return the expression for what a processing step wrote."""
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")


def value_of(step: str, path: str) -> Json:
    """Return the expression for a value in the report of a processing step."""
    reference = get(f"Steps.{step}.PropertyFiles.{REPORT}")
    return {"Std:JsonGet": {"PropertyFile": reference, "Path": path}}


def processing(name: str, *inputs: Any, **fields: Any) -> Json:
    """Return a processing step with these addresses as inputs; it writes a report."""
    environment = fields.pop("environment", {})
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3"]},
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 10,
                }
            },
            "ProcessingInputs": [
                {
                    "InputName": f"in-{number}",
                    "S3Input": {
                        "S3Uri": address,
                        "LocalPath": f"/opt/ml/processing/in-{number}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for number, address in enumerate(inputs)
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": place(name),
                            "LocalPath": "/opt/ml/processing/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            **({"Environment": environment} if environment else {}),
        },
        "PropertyFiles": [
            {"PropertyFileName": REPORT, "OutputName": "out", "FilePath": "report.json"}
        ],
        **fields,
    }


def training_request(data: Any) -> Json:
    return {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3"],
        },
        "HyperParameters": {"rounds": "12"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def training(name: str, data: Any = f"{BUCKET}/data", **fields: Any) -> Json:
    return {"Name": name, "Type": "Training", "Arguments": training_request(data), **fields}


def tuning(name: str, data: Any = f"{BUCKET}/data", **fields: Any) -> Json:
    job = training_request(data)
    del job["AlgorithmSpecification"]["ContainerEntrypoint"]
    job["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "auc", "Regex": "auc=(.*)"}]
    job["StaticHyperParameters"] = job.pop("HyperParameters")
    ranges = [{"Name": "rate", "MinValue": "0.1", "MaxValue": "0.5"}]
    return {
        "Name": name,
        "Type": "Tuning",
        "Arguments": {
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
                "ParameterRanges": {"ContinuousParameterRanges": ranges},
            },
            "TrainingJobDefinition": job,
        },
        **fields,
    }


def model(name: str, source: str, **fields: Any) -> Json:
    """Return a step that makes a model of what a training step left."""
    artifacts = get(f"Steps.{source}.ModelArtifacts.S3ModelArtifacts")
    return {
        "Name": name,
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": artifacts},
        },
        **fields,
    }


def transform(name: str, source: str, **fields: Any) -> Json:
    """Return a step that runs the model of a Model step."""
    return {
        "Name": name,
        "Type": "Transform",
        "Arguments": {
            "ModelName": get(f"Steps.{source}.ModelName"),
            "TransformInput": {
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/test"}
                }
            },
            "TransformOutput": {"S3OutputPath": place(name)},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
        **fields,
    }


def delete_model(name: str, source: str, **fields: Any) -> Json:
    """Return a step that deletes the model of a Model step."""
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": "${smp:function.delete-model}",
        "Arguments": {"ModelName": get(f"Steps.{source}.ModelName")},
        "OutputParameters": [{"OutputName": "Deleted", "OutputType": "Boolean"}],
        **fields,
    }


def register(name: str, source: str, group: str = "demo-models", **fields: Any) -> Json:
    """Return a step that registers what a training step left."""
    artifacts = get(f"Steps.{source}.ModelArtifacts.S3ModelArtifacts")
    return {
        "Name": name,
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {
                "Containers": [{"Image": IMAGE, "ModelDataUrl": artifacts}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            "ModelApprovalStatus": "PendingManualApproval",
        },
        **fields,
    }


def compare(left: Any, kind: str, right: Any) -> Json:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def condition(
    name: str,
    conditions: list[Json],
    then: list[Json] | None = None,
    otherwise: list[Json] | None = None,
    **fields: Any,
) -> Json:
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {
            "Conditions": conditions,
            "IfSteps": then or [],
            "ElseSteps": otherwise or [],
        },
        **fields,
    }


def fail(name: str, message: Any = "it is not good enough", **fields: Any) -> Json:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **fields}


def function(name: str, arguments: Json, outputs: dict[str, str], **fields: Any) -> Json:
    return {
        "Name": name,
        "Type": "Lambda",
        "Arguments": arguments,
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:ask",
        "OutputParameters": [
            {"OutputName": output, "OutputType": kind} for output, kind in outputs.items()
        ],
        **fields,
    }


def after(*steps: str) -> list[str]:
    return list(steps)


def failed(step: str, trigger: str = "Failed") -> list[Json]:
    """Return the DependsOn of a step that runs after another one failed."""
    return [{"Step": step, "Trigger": trigger}]
