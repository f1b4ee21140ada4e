"""What `smp export` writes and says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.cli.entry import main
from smp.definition.deploy_values import names_in
from tests.export.stepfunctions.checks import request_faults, validated
from tests.graph.workspace import load, pipeline_of

ROOT = Path(__file__).resolve().parents[2]
VALUES: dict[str, Any] = {
    "account_id": "123456789012",
    "bucket": "smp-data",
    "function.approved-model": "arn:aws:lambda:eu-west-1:123456789012:function:approved",
    "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "partition": "aws",
    "region": "eu-west-1",
    "role_arn": "arn:aws:iam::123456789012:role/jobs",
    "security_group_ids": ["sg-1"],
    "subnets": ["subnet-1", "subnet-2"],
    "url_suffix": "amazonaws.com",
}


def export(output: Path, *options: str, pipeline: str = "churn-batch") -> int:
    words = ["export", "stepfunctions", pipeline, "-o", str(output), "--workspace", str(ROOT)]
    return main([*words, *options])


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_an_export_has_the_machine_the_values_the_policies_and_the_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(tmp_path) == 0
    told = capsys.readouterr().out
    machine = read(tmp_path / "churn-batch.asl.json")
    values = read(tmp_path / "values.json")
    assert sorted(values) == sorted(VALUES)
    assert all(item["description"] for item in values.values())
    assert names_in(machine) <= values.keys()
    assert read(tmp_path / "policies/state-machine.json")["Statement"]
    assert (tmp_path / "function/approved_model.py").is_file()
    uri = "s3://${smp:bucket}/code/"
    trees = {text.removeprefix(uri).rstrip("/") for text in _texts(machine) if text.startswith(uri)}
    assert {path.name for path in (tmp_path / "code").iterdir()} == trees
    assert "10 values are to be filled in" in told
    assert "aws stepfunctions create-state-machine --name churn-batch" in told


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def test_what_differs_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tmp_path, pipeline="churn-lightgbm") == 0
    told = capsys.readouterr().out
    assert "no step is cached: churn-training, churn-transform, churn-metrics run in every" in told
    assert "for refused calls of churn-training the time after which" in told


def test_values_are_put_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled = tmp_path / "filled.json"
    filled.write_text(json.dumps({name: {"value": value} for name, value in VALUES.items()}))
    assert export(tmp_path / "out", "--values", str(filled)) == 0
    machine = read(tmp_path / "out/churn-batch.asl.json")
    assert names_in(machine) == set()
    assert validated([machine]) == [[]]
    assert request_faults(machine) == []
    role = read(tmp_path / "out/policies/job-role.json")
    assert names_in(role) == set()
    subnets = [text for text in _texts(role) if ":subnet/" in text]
    assert {text.rpartition("/")[2] for text in subnets} == {"subnet-1", "subnet-2"}
    assert not (tmp_path / "out/values.json").exists()
    assert "fill in" not in capsys.readouterr().out


def test_the_image_of_the_region_is_found(tmp_path: Path) -> None:
    assert export(tmp_path, pipeline="housing") == 0
    needed = read(tmp_path / "values.json")
    images = [name for name in needed if name.startswith("image.")]
    assert images
    filled = tmp_path / "filled.json"
    filled.write_text(
        json.dumps({n: VALUES.get(n, "123456789012") for n in needed if n not in images})
    )
    assert export(tmp_path / "out", "--values", str(filled), pipeline="housing") == 0
    text = (tmp_path / "out/housing.asl.json").read_text(encoding="utf-8")
    assert "dkr.ecr.eu-west-1.amazonaws.com" in text


def test_fails_with_every_value_that_is_missing_or_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = tmp_path / "filled.json"
    wrong = {**VALUES, "bucket": "", "subnets": "subnet-1", "buckets": "x"}
    filled.write_text(json.dumps(wrong))
    assert export(tmp_path / "out", "--values", str(filled)) == 1
    told = capsys.readouterr().err
    assert "bucket: has no value" in told
    assert "subnets: has no value" in told
    assert "allowed: a list of texts" in told
    assert "buckets: nothing in this pipeline needs this value" in told
    assert "did you mean 'bucket'?" in told
    assert not (tmp_path / "out").exists()


def test_fails_where_values_are_no_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled = tmp_path / "filled.json"
    filled.write_text("{")
    assert export(tmp_path / "out", "--values", str(filled)) == 1
    assert "is not JSON" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_fails_with_what_cannot_be_expressed_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = tmp_path / "workspace"
    load(workspace, pipeline_of("ask: Callback, queue: people, outputs: {n: Integer}"))
    words = ["export", "stepfunctions", "demo", "-o", str(tmp_path / "out")]
    assert main([*words, "--workspace", str(workspace)]) == 1
    told = capsys.readouterr().err
    assert "demo.ask: Step Functions cannot express a step of type Callback" in told
    assert "hint: who reads the queue answers SageMaker" in told
    assert not (tmp_path / "out").exists()
