"""A pipeline that Python code builds with the SDK, compiled like one of a config."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.sdk.offline_session import Uploads, repack
from smp.compiler.sdk_pipeline import compile_sdk_pipeline
from smp.definition.compiled import CompiledPipeline, ModelPackageGroup
from smp.definition.deploy_values import names_in
from smp.errors import CompileError
from tests.compiler.compiling import arguments, processing_inputs, step
from tests.graph.workspace import write

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1"


def processing_step(session: Any, source: Path, name: str, **more: Any) -> Any:
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.processing import FrameworkProcessor
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
    from sagemaker.mlops.workflow.steps import ProcessingStep

    processor = FrameworkProcessor(
        image_uri=IMAGE,
        role=session.role,
        instance_type=more.pop("instance_type", "ml.m5.large"),
        instance_count=1,
        base_job_name=name,
        sagemaker_session=session,
        output_kms_key=session.kms_key,
        network_config=NetworkConfig(
            subnets=session.subnets, security_group_ids=session.security_group_ids
        ),
    )
    output = ProcessingS3Output(
        s3_uri=f"s3://{session.default_bucket()}/{name}",
        local_path="/opt/ml/processing/output",
        s3_upload_mode="EndOfJob",
    )
    outputs = [ProcessingOutput(output_name="report", s3_output=output)]
    run = processor.run(code="prepare.py", source_dir=str(source), outputs=outputs)
    return ProcessingStep(name=name, step_args=run, **more)


def training_step(session: Any, source: Path, instance_type: Any) -> Any:
    from sagemaker.mlops.workflow.steps import TrainingStep
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, OutputDataConfig, SourceCode, StoppingCondition

    trainer = ModelTrainer(
        sagemaker_session=session,
        role=session.role,
        base_job_name="fit",
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(source), entry_script="prepare.py"),
        compute=Compute(instance_type=instance_type, instance_count=1, volume_size_in_gb=10),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=60),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{session.default_bucket()}/m"),
    )
    return TrainingStep(name="fit", step_args=trainer.train(wait=False, logs=False))


def compile_handwritten(source: Path, store: Path, **more: Any) -> CompiledPipeline:
    """A pipeline of five kinds of steps: prepare, train, and fail where a report is bad."""

    def build(session: Any) -> Any:
        from sagemaker.core.workflow.conditions import ConditionLessThanOrEqualTo
        from sagemaker.core.workflow.functions import JsonGet
        from sagemaker.core.workflow.parameters import ParameterFloat, ParameterString
        from sagemaker.core.workflow.properties import PropertyFile
        from sagemaker.mlops.workflow.condition_step import ConditionStep
        from sagemaker.mlops.workflow.fail_step import FailStep
        from sagemaker.mlops.workflow.pipeline import Pipeline

        kind = ParameterString(name="InstanceType", default_value="ml.m5.xlarge")
        worst = ParameterFloat(name="MaxError", default_value=0.5)
        report = PropertyFile(name="Report", output_name="report", path="report.json")
        prepare = processing_step(session, source, "prepare", property_files=[report], **more)
        fit = training_step(session, source, kind)
        error = JsonGet(step_name="prepare", property_file=report, json_path="error")
        gate = ConditionStep(
            name="gate",
            conditions=[ConditionLessThanOrEqualTo(left=error, right=worst)],
            if_steps=[fit],
            else_steps=[FailStep(name="stop", error_message="the error is too large")],
        )
        return Pipeline(
            name="handwritten",
            parameters=[kind, worst],
            steps=[prepare, gate],
            sagemaker_session=session,
        )

    return compile_sdk_pipeline(build, store)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "source/prepare.py", "print('prepare')\n")
    write(tmp_path / "source/lib/data.py", "DATA = 1\n")
    return tmp_path / "source"


@pytest.fixture
def compiled(source: Path, tmp_path: Path) -> CompiledPipeline:
    return compile_handwritten(source, tmp_path / "store")


def test_parameters_stay_parameters(compiled: CompiledPipeline) -> None:
    assert compiled.definition["Parameters"] == [
        {"Name": "InstanceType", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
        {"Name": "MaxError", "Type": "Float", "DefaultValue": 0.5},
    ]
    kind = arguments(compiled, "fit")["ResourceConfig"]["InstanceType"]
    assert kind == {"Get": "Parameters.InstanceType"}


def test_conditions_and_the_steps_inside_them(compiled: CompiledPipeline) -> None:
    assert compiled.order() == ("prepare", "gate", "fit", "stop")
    assert compiled.edges()["fit"] == ("gate",)
    assert step(compiled, "stop")["Type"] == "Fail"
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition["RightValue"] == {"Get": "Parameters.MaxError"}


def test_what_only_a_deployment_knows_is_named(compiled: CompiledPipeline) -> None:
    assert names_in(compiled.definition) == {
        *("bucket", "role_arn", "kms_key_arn", "subnets", "security_group_ids")
    }
    assert "smp-stand-in" not in compiled.to_json()


def test_a_framework_processors_files_lie_at_the_address_of_their_content(
    compiled: CompiledPipeline,
) -> None:
    trees = {
        frozenset(file.path for file in tree.files): tree
        for tree in compiled.code
        if tree.origin.startswith("sdk upload")
    }
    source = trees[frozenset({"sourcedir.tar.gz", "install_requirements.py"})]
    script = trees[frozenset({"runproc.sh"})]
    inputs = {
        item["InputName"]: item["S3Input"]
        for item in arguments(compiled, "prepare")["ProcessingInputs"]
    }
    assert inputs["code"]["S3Uri"] == f"s3://${{smp:bucket}}/code/{source.sha256}/"
    assert inputs["entrypoint"]["S3Uri"] == f"s3://${{smp:bucket}}/code/{script.sha256}/runproc.sh"
    assert processing_inputs(compiled, "prepare").keys() == {"entrypoint"}
    archive = compiled.code_store / source.sha256 / "sourcedir.tar.gz"
    with tarfile.open(archive) as packed:
        assert packed.getnames() == ["lib/data.py", "prepare.py"]


def test_a_trainers_directory_is_packed_without_junk(source: Path, tmp_path: Path) -> None:
    write(source / "__pycache__/x.pyc", "junk")
    compiled = compile_handwritten(source, tmp_path / "store")
    (tree,) = (tree for tree in compiled.code if tree.origin == "sdk upload of code")
    assert [file.path for file in tree.files] == ["lib/data.py", "prepare.py"]


def test_compiling_later_and_elsewhere_gives_the_same_bytes(
    compiled: CompiledPipeline, source: Path, tmp_path: Path
) -> None:
    for path in source.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    write(source / "__pycache__/x.cpython-311.pyc", "junk")
    time.sleep(1.1)
    again = compile_handwritten(source.rename(tmp_path / "moved"), tmp_path / "other")
    assert again.to_json() == compiled.to_json()


def test_fails_for_what_the_service_would_refuse(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CompileError) as error:
        compile_handwritten(source, tmp_path / "store", instance_type="ml.huge")
    assert str(error.value) == (
        "handwritten.prepare: the service would refuse Arguments.ProcessingResources.ClusterConfig."
        "InstanceType: 'ml.huge' is not one of the values that botocore knows"
    )


def test_groups_are_found_inside_conditions_too() -> None:
    from smp.compiler.sdk_pipeline import _groups

    register = {"Name": "r", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "g"}}
    condition = {"Name": "c", "Type": "Condition", "Arguments": {"IfSteps": [register]}}
    assert _groups({"Steps": [condition, {**register, "Name": "s"}]}) == (ModelPackageGroup("g"),)


def archive(members: dict[str, bytes], *, modified: int = 0, level: int = 9) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid, member.mode = (
                len(data),
                modified,
                modified,
                0o600,
            )
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), level, mtime=modified)


def test_an_archive_is_settled() -> None:
    junk = {"__pycache__/a.pyc": b"x", "b.pyc": b"y"}
    first = repack(archive({"b": b"2", "a": b"1", **junk}, modified=7))
    assert first == repack(archive({"a": b"1", "b": b"2"}, level=1))
    assert first != repack(archive({"a": b"1", "b": b"3"}))
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert tar.getnames() == ["a", "b"]


def test_fails_where_two_jobs_upload_different_files_to_one_address() -> None:
    uploads = Uploads()
    assert uploads.add("b", "job/source/run.sh", "echo 1") == "s3://b/job/source/run.sh"
    uploads.add("b", "job/source/run.sh", b"echo 1")
    with pytest.raises(CompileError, match="two jobs upload different files"):
        uploads.add("b", "job/source/run.sh", "echo 2")


def test_the_same_definition_comes_back_as_json(compiled: CompiledPipeline) -> None:
    assert json.loads(compiled.definition_text()) == compiled.definition
