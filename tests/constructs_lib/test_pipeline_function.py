"""The function that looks approved models up: what it is made of, and what its role may do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from smp.definition.compiled import CompiledPipeline, Json
from tests.stacks.pipelines import KEY, ROLE, VPC, definition, processing_only
from tests.stacks.synthesis import ROOT, Synthesis, shown, synthesize

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))

STACK = "Smp-Pipeline-score"
OUTPUTS = {"ModelPackageArn": "String", "ModelPackageVersion": "Integer", "Exists": "Boolean"}


def lookup(**arguments: str) -> Json:
    return {
        "Name": "approved",
        "Type": "Lambda",
        "FunctionArn": "${smp:function.approved-model}",
        "Arguments": {
            "ModelPackageGroupName": "Churn-Models",
            "Version": "latest",
            "WhenNone": "fail",
            **arguments,
        },
        "OutputParameters": [
            {"OutputName": name, "OutputType": kind} for name, kind in OUTPUTS.items()
        ],
    }


def scoring(store: Path) -> CompiledPipeline:
    """A pipeline that makes a model of an approved version, and compares one of its metrics."""
    steps = [
        lookup(
            Artifacts="s3://${smp:bucket}/models/churn/",
            Images="111122223333.dkr.ecr.eu-west-1.amazonaws.com/churn:1",
            Reports="s3://${smp:bucket}/churn/evaluation",
            Metric1="auc",
        ),
        {
            "Name": "model",
            "Type": "Model",
            "Arguments": {
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {
                    "ModelPackageName": {
                        "Get": "Steps.approved.OutputParameters['ModelPackageArn']"
                    }
                },
                "VpcConfig": VPC,
            },
        },
        {
            "Name": "predict",
            "Type": "Transform",
            "Arguments": {
                "ModelName": {"Get": "Steps.model.ModelName"},
                "TransformInput": {
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://company-data/new"}
                    }
                },
                "TransformOutput": {"S3OutputPath": "s3://${smp:bucket}/out", "KmsKeyId": KEY},
                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            },
        },
    ]
    pipeline = processing_only(store, "score", definition=definition(*steps))
    return replace(pipeline, code=(), images={})


def deleting(store: Path) -> CompiledPipeline:
    """The pipeline with a step that deletes the model after its use."""
    scored = scoring(store)
    step = {
        "Name": "remove",
        "Type": "Lambda",
        "FunctionArn": "${smp:function.delete-model}",
        "Arguments": {"ModelName": {"Get": "Steps.model.ModelName"}},
        "OutputParameters": [{"OutputName": "Deleted", "OutputType": "Boolean"}],
        "DependsOn": ["predict"],
    }
    return replace(scored, name="tidy", definition=definition(*scored.definition["Steps"], step))


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The stack, made with the policy checks of the app and NIST 800-53 R5, which find nothing."""
    store = tmp_path_factory.mktemp("store")
    settings = {"account": "123456789012", "region": "eu-west-1"}
    plain = replace(processing_only(store, "plain"))
    return synthesize(
        tmp_path_factory.mktemp("score"), [scoring(store), deleting(store), plain], settings
    )


def function_of(synthesis: Synthesis) -> Json:
    functions = synthesis.resources(STACK, "AWS::Lambda::Function").items()
    (found,) = (resource for name, resource in functions if "RegistryLookup" in name)
    return found


def test_a_function_that_deletes_models_can_do_that_and_write_its_log(score: Synthesis) -> None:
    stack = "Smp-Pipeline-tidy"
    found = shown(score.statements(stack, "PipelineModelDeletionPolicy"))
    assert set(found) == {"DeleteModels", "WriteLogs"}
    assert found["DeleteModels"]["Action"] == ["sagemaker:DeleteModel"]
    assert found["DeleteModels"]["Resource"] == [
        "arn:aws:sagemaker:eu-west-1:123456789012:model/pipelines-*"
    ]
    (properties,) = (
        resource["Properties"]
        for name, resource in score.resources(stack, "AWS::Lambda::Function").items()
        if "ModelDeletion" in name
    )
    assert properties["Handler"] == "delete_model.handler"


def test_it_is_a_small_function_of_a_current_python(score: Synthesis) -> None:
    properties = function_of(score)["Properties"]
    assert properties["Runtime"] == "python3.14"
    assert properties["Architectures"] == ["arm64"]
    assert properties["Handler"] == "approved_model.handler"
    assert properties["Timeout"] == 120
    assert "VpcConfig" not in properties
    assert "Environment" not in properties


def test_it_holds_its_module_and_nothing_else(score: Synthesis) -> None:
    key = shown(function_of(score)["Properties"]["Code"]["S3Key"]).removesuffix(".zip")
    packed = score.directory / f"asset.{key}"
    names = ZipFile(packed).namelist() if packed.is_file() else [f.name for f in packed.iterdir()]
    assert names == ["approved_model.py"]


def test_its_role_reads_the_named_group_and_its_reports(score: Synthesis) -> None:
    found = shown(score.statements(STACK, "PipelineRegistryLookupPolicy"))
    place = "arn:aws:sagemaker:eu-west-1:123456789012"
    assert found["FindVersions"]["Action"] == [
        "sagemaker:DescribeModelPackage",
        "sagemaker:ListModelPackages",
    ]
    assert found["FindVersions"]["Resource"] == [
        f"{place}:model-package-group/Churn-Models",
        f"{place}:model-package-group/churn-models",
        f"{place}:model-package/Churn-Models/*",
        f"{place}:model-package/churn-models/*",
    ]
    report, below = found["ReadReports"]["Resource"]
    assert report.endswith("/churn/evaluation")
    assert below == f"{report}/*"
    assert found["ReadReports"]["Action"] == ["s3:GetObject"]
    assert found["DecryptReports"]["Action"] == ["kms:Decrypt"]
    assert set(found) == {"FindVersions", "ReadReports", "DecryptReports", "WriteLogs"}


def test_its_log_is_encrypted_and_does_not_grow_forever(score: Synthesis) -> None:
    groups = score.resources(STACK, "AWS::Logs::LogGroup").items()
    (group,) = (resource for name, resource in groups if "RegistryLookup" in name)
    assert group["Properties"]["KmsKeyId"]
    assert group["Properties"]["RetentionInDays"] == 30


def test_the_pipeline_calls_this_function_and_makes_models_of_the_group(score: Synthesis) -> None:
    found = shown(score.statements(STACK, "PipelinePipelineRolePolicy"))
    (called,) = found["CallFunctions"]["Resource"]
    assert "RegistryLookupFunction" in called
    assert found["UseVersions"]["Action"] == [
        "sagemaker:CreateModel",
        "sagemaker:DescribeModelPackage",
    ]
    assert all(":model-package/" in arn for arn in found["UseVersions"]["Resource"])
    definition_text = str(
        shown(next(iter(score.resources(STACK, "AWS::SageMaker::Pipeline").values())))
    )
    assert called in definition_text


def test_the_jobs_read_the_artifacts_and_pull_the_image_of_the_group(score: Synthesis) -> None:
    data = shown(score.statements(STACK, "PipelineJobRoleDataPolicy"))
    assert any(arn.endswith("/models/churn/*") for arn in data["ReadData"]["Resource"])
    runtime = shown(score.statements(STACK, "PipelineJobRoleRuntimePolicy"))
    (repository,) = runtime["PullImages"]["Resource"]
    assert repository.endswith(":repository/churn")


def test_a_pipeline_without_a_lookup_has_no_function(score: Synthesis) -> None:
    functions = score.resources("Smp-Pipeline-plain", "AWS::Lambda::Function")
    assert not [name for name in functions if "RegistryLookup" in name]
