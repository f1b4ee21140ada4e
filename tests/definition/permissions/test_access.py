"""What a compiled pipeline touches, as read off its definition."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.permissions.access import Access, analyse_access
from smp.definition.permissions.job_role import data_statements, runtime_statements

SHA256 = "a" * 64


def access(
    *steps: Json, parameters: list[Json] | None = None, store: Path = Path("nowhere")
) -> Access:
    definition = {"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)}
    return analyse_access(CompiledPipeline("p", definition, (), store))


def step(kind: str = "Processing", **arguments: Any) -> Json:
    return {"Name": kind.lower(), "Type": kind, "Arguments": arguments}


def reading(*uris: Any) -> Json:
    return step(ProcessingInputs=[{"S3Input": {"S3Uri": uri}} for uri in uris])


def test_outputs_are_written_and_everything_else_is_read() -> None:
    found = access(
        step(
            "Transform",
            TransformInput={"DataSource": {"S3DataSource": {"S3Uri": "s3://in/x"}}},
            TransformOutput={"S3OutputPath": "s3://out/y"},
        ),
        step("Training", OutputDataConfig={"S3OutputPath": "s3://out/models"}),
        step(ProcessingOutputConfig={"Outputs": [{"S3Output": {"S3Uri": "s3://out/z"}}]}),
    )
    assert found.reads == ("s3://in/x",)
    assert found.writes == ("s3://out/models", "s3://out/y", "s3://out/z")


def test_uris_in_variables_and_arguments_count_as_read() -> None:
    found = access(
        step(
            Environment={"LOOKUP": "s3://in/lookup.csv", "PLAIN": "no uri"},
            AppSpecification={"ContainerArguments": ["--from", "s3://in/more"]},
        )
    )
    assert found.reads == ("s3://in/lookup.csv", "s3://in/more")


def test_a_joined_uri_counts_as_far_as_it_is_known() -> None:
    execution = {"Get": "Execution.PipelineExecutionId"}
    joined = {"Std:Join": {"On": "/", "Values": ["s3://in", "churn", execution, "train"]}}
    assert access(reading(joined)).reads == ("s3://in/churn/",)


def test_a_uri_from_another_step_is_not_read_from_elsewhere() -> None:
    found = access(
        reading({"Get": "Steps.prep.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri"})
    )
    assert found.reads == ()


def test_a_uri_from_a_parameter_counts_with_its_default() -> None:
    parameters = [{"Name": "Data", "Type": "String", "DefaultValue": "s3://in/default"}]
    found = access(reading({"Get": "Parameters.Data"}), parameters=parameters)
    assert found.reads == ("s3://in/default",)
    joined = {"Std:Join": {"On": "/", "Values": [{"Get": "Parameters.Data"}, "x.csv"]}}
    assert access(reading(joined), parameters=parameters).reads == ("s3://in/default/x.csv",)


def test_a_parameter_of_any_value_ends_what_is_known_behind_the_bucket() -> None:
    parameters = [{"Name": "Day", "Type": "String", "DefaultValue": "monday"}]
    joined = {"Std:Join": {"On": "", "Values": ["s3://in/raw-", {"Get": "Parameters.Day"}, "/x"]}}
    assert access(reading(joined), parameters=parameters).reads == ("s3://in/raw-*",)


def test_each_allowed_value_of_a_parameter_counts() -> None:
    parameters = [
        {"Name": "Bucket", "Type": "String", "EnumValues": ["in", "lake"]},
        {"Name": "Part", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
    ]
    values = ["s3://", {"Get": "Parameters.Bucket"}, "/x/", {"Get": "Parameters.Part"}, "/y"]
    joined = {"Std:Join": {"On": "", "Values": values}}
    assert access(reading(joined), parameters=parameters).reads == (
        "s3://in/x/a/y",
        "s3://in/x/b/y",
        "s3://lake/x/a/y",
        "s3://lake/x/b/y",
    )


def test_what_lies_inside_another_prefix_is_named_once() -> None:
    assert access(reading("s3://in/a/b", "s3://in/a", "s3://in/c")).reads == (
        "s3://in/a",
        "s3://in/c",
    )


@pytest.mark.parametrize(
    ("address", "matched", "siblings"),
    [
        ("s3://in/train/", ["train/x.csv", "train/"], ["train", "train_aug/x.csv"]),
        ("s3://in/train", ["train", "train/x.csv"], ["train_aug/x.csv", "train.csv"]),
        ("s3://in/train.csv", ["train.csv"], ["train.csv.bak", "train.csv_old/x"]),
        ("s3://in", ["x.csv"], []),
    ],
)
def test_no_sibling_is_granted(address: str, matched: list[str], siblings: list[str]) -> None:
    found = access(reading(address))
    patterns = [r.rpartition(":::in/")[2] for s in data_statements(found) for r in s.resources]
    (listed,) = (
        s.conditions["StringLike"]["s3:prefix"]
        for s in runtime_statements(found, {})
        if s.sid.startswith("ListData")
    )
    for key in matched:
        assert any(fnmatchcase(key, pattern) for pattern in patterns), key
        assert any(fnmatchcase(key, pattern) for pattern in listed), key
    for key in siblings:
        assert not any(fnmatchcase(key, pattern) for pattern in patterns), key
        assert not any(fnmatchcase(key, pattern) for pattern in listed), key


def test_a_directory_holds_its_objects_and_not_its_siblings() -> None:
    uris = ("s3://in/a", "s3://in/a/x", "s3://in/a_b", "s3://in/c/", "s3://in/c/d/", "s3://in/cd")
    found = access(reading(*uris))
    assert found.reads == ("s3://in/a", "s3://in/a_b", "s3://in/c/", "s3://in/cd")


def test_a_bucket_is_not_the_beginning_of_another() -> None:
    assert access(reading("s3://in", "s3://in-other/x")).reads == ("s3://in-other/x", "s3://in/")


def test_many_prefixes_stay_what_they_are() -> None:
    many = tuple(sorted(f"s3://in/data/{number}/x" for number in range(100)))
    assert access(reading(*many)).reads == many


def test_a_manifest_counts_with_what_it_lists(tmp_path: Path) -> None:
    manifest = tmp_path / SHA256 / "inputs.manifest"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps([{"prefix": "s3://in/"}, "a/1.csv", "b/2.csv"]))
    source = {
        "S3DataType": "ManifestFile",
        "S3Uri": f"s3://${{smp:bucket}}/code/{SHA256}/inputs.manifest",
    }
    found = access(step(ProcessingInputs=[{"S3Input": source}]), store=tmp_path)
    assert found.reads == (source["S3Uri"], "s3://in/a/1.csv", "s3://in/b/2.csv")


def test_images_roles_and_keys_are_found_wherever_they_stand() -> None:
    found = access(
        step(AppSpecification={"ImageUri": "b"}, RoleArn="role-1"),
        step("Training", AlgorithmSpecification={"TrainingImage": "a"}, RoleArn="role-1"),
        step("Model", PrimaryContainer={"Image": "c"}, ExecutionRoleArn="role-2"),
        step(
            "Training", ResourceConfig={"VolumeKmsKeyId": "k"}, OutputDataConfig={"KmsKeyId": "k"}
        ),
    )
    assert found.images == ("a", "b", "c")
    assert found.roles == ("role-1", "role-2")
    assert found.kms_keys == ("k",)


def test_a_job_in_a_vpc_uses_the_network() -> None:
    assert access(step(VpcConfig={"Subnets": ["${smp:subnets}"]})).uses_network
    assert not access(step()).uses_network


def test_the_pipeline_itself_reads_property_files_and_registered_models() -> None:
    assert not access(step("Training")).reads_results
    assert access(step("RegisterModel")).reads_results
    assert access({**step(), "PropertyFiles": [{"FilePath": "x.json"}]}).reads_results


def test_steps_inside_a_condition_count() -> None:
    inner = reading("s3://in/x")
    found = access(step("Condition", IfSteps=[inner], ElseSteps=[]))
    assert found.reads == ("s3://in/x",)
    assert found.step_types == {"Condition", "Processing"}


def test_functions_of_lambda_steps_are_found() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:notify"
    assert access({**step("Lambda"), "FunctionArn": arn}).functions == (arn,)


def test_a_lookup_brings_the_artifacts_and_images_of_its_group() -> None:
    arguments = {
        "ModelPackageGroupName": "churn",
        "Version": "latest",
        "WhenNone": "fail",
        "Artifacts": "s3://b/models/churn/\ns3://old/models/",
        "Images": "churn:1",
        "Reports": "s3://b/churn/evaluation",
    }
    found = access({**step("Lambda", **arguments), "FunctionArn": "${smp:function.approved-model}"})
    assert found.reads == ("s3://b/models/churn/", "s3://old/models/")
    assert found.images == ("churn:1",)
    assert [(one.group, one.serves) for one in found.lookups] == [("churn", True)]
    assert found.lookups[0].reports == ("s3://b/churn/evaluation",)
