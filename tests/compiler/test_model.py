"""CreateModel and RegisterModel steps, and the repack that they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.compiled import ModelPackageGroup
from tests.compiler.compiling import arguments, channels, compile_demo, step, uri_of
from tests.graph.workspace import DIRECTORY, IMAGE, write

STEPS = "fit: Training\nmodel: CreateModel\nregister: RegisterModel"
FULL = (
    "prep: Processing\nfit: Training\nmodel: CreateModel\n"
    "predict: Transform, chain_input_source_step: prep\n"
    "score: Metrics, chain_input_source_step: predict\nregister: RegisterModel"
)
TRAINED = {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}
PACKED = {"Get": "Steps.model-RepackModel-0.ModelArtifacts.S3ModelArtifacts"}
ENVIRONMENT = {
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_REQUIREMENTS": "requirements.txt",
}


def registry(more: str = "", repack: str | None = None, specification: str = "") -> str:
    flag = f"ModelRepack: {repack}, " if repack else ""
    inference = f"{{image_uri: SMP_ACCOUNTID.dkr.ecr/x:1{specification}}}"
    return f"{{{flag}{more}InferenceSpecification: {inference}}}"


@pytest.mark.parametrize("repack", ['"False"', "False", "false", '"false"'])
def test_without_repack_the_artifact_serves_as_it_is(repack: str, tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, demo__registry=registry(repack=repack))
    assert compiled.order() == ("fit", "model-CreateModel", "register-RegisterModel")
    container = arguments(compiled, "model-CreateModel")["PrimaryContainer"]
    assert container["Image"] == "${smp:account_id}.dkr.ecr/x:1"
    assert container["ModelDataUrl"] == TRAINED
    assert container["Environment"] == ENVIRONMENT


@pytest.mark.parametrize("repack", ['"True"', "true", None])
def test_with_repack_the_code_is_packed_once_and_shared(repack: str | None, tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, demo__registry=registry(repack=repack))
    names = ("fit", "model-RepackModel-0", "model-CreateModel", "register-RegisterModel")
    assert compiled.order() == names
    container = arguments(compiled, "model-CreateModel")["PrimaryContainer"]
    assert container["ModelDataUrl"] == PACKED
    assert container["Environment"] == ENVIRONMENT
    specification = arguments(compiled, "register-RegisterModel")["InferenceSpecification"]
    assert specification["Containers"][0]["ModelDataUrl"] == PACKED
    assert specification["Containers"][0]["Environment"] == ENVIRONMENT


def test_the_repack_job_gets_the_trained_model_and_the_code(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, demo__registry=registry())
    job = arguments(compiled, "model-RepackModel-0")
    assert uri_of(channels(compiled, "model-RepackModel-0")["model"]) == TRAINED
    assert job["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    assert job["AlgorithmSpecification"]["TrainingImage"] == "${smp:image.sklearn-1.2-1}"
    assert "sklearn-1.2-1" in compiled.images
    assert job["OutputDataConfig"]["KmsKeyId"] == "${smp:kms_key_arn}"
    assert job["VpcConfig"]["Subnets"] == ["${smp:subnets}"]
    trees = {tree.origin for tree in compiled.code}
    assert trees == {"demo/scripts", "sdk drivers"}


def test_the_repack_writes_nothing_into_the_models_directory(tmp_path: Path) -> None:
    compile_demo(tmp_path, STEPS, demo__registry=registry())
    files = {path.name for path in (tmp_path / DIRECTORY / "scripts").iterdir()}
    assert files == {"preprocess.py", "train.py", "inference.py", "evaluate.py"}


def test_a_dependency_attaches_to_the_repack_and_is_satisfied_by_the_model(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{STEPS}\nprep: Processing\nlast: Processing",
        "[prep >> model >> last]",
        demo__registry=registry(),
    )
    assert step(compiled, "model-RepackModel-0")["DependsOn"] == ["prep"]
    assert "DependsOn" not in step(compiled, "model-CreateModel")
    assert step(compiled, "last")["DependsOn"] == ["model-CreateModel"]


def test_an_inference_script_in_a_directory_is_named_as_a_module(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/transform/serve.py", "")
    transform = "{entry_point: transform/serve.py, channels: train}"
    compiled = compile_demo(tmp_path, STEPS, demo__transform=transform)
    environment = arguments(compiled, "model-CreateModel")["PrimaryContainer"]["Environment"]
    assert environment["SAGEMAKER_PROGRAM"] == "transform.serve"


def test_without_inference_script_the_toolkit_is_told_nothing(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, demo__transform="")
    container = arguments(compiled, "model-CreateModel")["PrimaryContainer"]
    assert not container.get("Environment")


def test_the_registered_models_instance_types_status_and_description(tmp_path: Path) -> None:
    specification = (
        ", supported_content_types: [text/csv], supported_response_MIME_types: [application/json], "
        "SupportedRealtimeInferenceInstanceTypes: [ml.g5.xlarge], "
        "SupportedTransformInstanceType: [ml.m5.large, ml.m5.xlarge], approval_status: Approved"
    )
    section = registry("ModelPackageDescription: the best, ", "no", specification)
    compiled = compile_demo(tmp_path, STEPS, demo__registry=section)
    found = arguments(compiled, "register-RegisterModel")
    inference = found["InferenceSpecification"]
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ModelPackageDescription"] == "the best"
    assert inference["SupportedContentTypes"] == ["text/csv"]
    assert inference["SupportedResponseMIMETypes"] == ["application/json"]
    assert inference["SupportedRealtimeInferenceInstanceTypes"] == ["ml.g5.xlarge"]
    assert inference["SupportedTransformInstanceTypes"] == ["ml.m5.large", "ml.m5.xlarge"]


def test_registration_defaults(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS)
    found = arguments(compiled, "register-RegisterModel")
    inference = found["InferenceSpecification"]
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert inference["SupportedRealtimeInferenceInstanceTypes"] == ["ml.m5.2xlarge"]
    assert inference["SupportedTransformInstanceTypes"] == ["ml.m5.2xlarge"]
    assert found["CustomerMetadataProperties"] == {
        "PIPELINE_ARN": {"Get": "Execution.PipelineExecutionArn"}
    }
    assert "ModelMetrics" not in found


def test_the_report_is_the_registered_models_statistics(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, FULL)
    quality = arguments(compiled, "register-RegisterModel")["ModelMetrics"]["ModelQuality"]
    report = "Steps.score.ProcessingOutputConfig.Outputs['model_evaluation_metrics'].S3Output.S3Uri"
    assert quality["Statistics"] == {
        "ContentType": "application/json",
        "S3Uri": {
            "Std:Join": {"On": "/", "Values": [{"Get": report}, "model_evaluation_metrics.json"]}
        },
    }


def test_registration_waits_for_the_report_without_being_told(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, FULL)
    assert compiled.edges()["register-RegisterModel"] == ("fit", "score")


def test_the_reports_content_type_is_that_of_evaluate(tmp_path: Path) -> None:
    evaluate = (
        f"{{image_uri: {IMAGE}, entry_point: evaluate.py, channels: train, content_type: text/x}}"
    )
    compiled = compile_demo(tmp_path, FULL, demo__evaluate=evaluate)
    quality = arguments(compiled, "register-RegisterModel")["ModelMetrics"]["ModelQuality"]
    assert quality["Statistics"]["ContentType"] == "text/x"


def test_groups_carry_their_name_and_description(tmp_path: Path) -> None:
    section = registry(
        "ModelPackageGroupName: churners, ModelPackageGroupDescription: who leaves, ", "no"
    )
    compiled = compile_demo(tmp_path, STEPS, demo__registry=section)
    assert compiled.model_package_groups == (ModelPackageGroup("churners", "who leaves"),)
    name = arguments(compiled, "register-RegisterModel")["ModelPackageGroupName"]
    assert name == "churners"


@pytest.mark.parametrize(
    ("top", "group"),
    [
        ("", "demo-demo"),
        ("  projectName: sales\n", "sales-demo"),
        ("  models: {projectName: shop}\n", "shop-demo"),
    ],
)
def test_a_group_is_named_by_project_and_model(top: str, group: str, tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, top=top)
    assert compiled.model_package_groups == (ModelPackageGroup(group),)


def test_a_model_in_the_vpc_with_the_projects_role(tmp_path: Path) -> None:
    found = arguments(compile_demo(tmp_path, STEPS), "model-CreateModel")
    assert found["ExecutionRoleArn"] == "${smp:role_arn}"
    assert found["VpcConfig"] == {
        "Subnets": ["${smp:subnets}"],
        "SecurityGroupIds": ["${smp:security_group_ids}"],
    }
    assert "ModelName" not in found


def test_a_models_own_name_begins_the_name_of_what_is_created(tmp_path: Path) -> None:
    section = registry(repack="no")[:-1] + "}\n      name: best-model"
    found = arguments(compile_demo(tmp_path, STEPS, demo__registry=section), "model-CreateModel")
    assert found["ModelName"] == "best-model"
