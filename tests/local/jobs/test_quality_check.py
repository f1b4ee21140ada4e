"""Local stand-ins of checks: the data they get, the baselines that come back, violations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline, Json
from smp.errors import RunError
from smp.local.engine.plan import plan_run
from tests.local.jobs.test_function import stand_in
from tests.local.pipelines import BUCKET, ROLE, Workspace, statuses, step_of

WRITES = """
import json, os, pathlib
data = sorted(p.name for p in pathlib.Path(os.environ["dataset_source"]).iterdir())
place = pathlib.Path(os.environ["output_path"])
(place / "statistics.json").write_text(json.dumps({"files": data}))
(place / "constraints.json").write_text("{}")
"""
VIOLATES = """
(place / "constraint_violations.json").write_text(json.dumps({"violations": [{"feature": "age"}]}))
"""
RESULTS = "executions/check"


def check(workspace: Workspace, **members: Any) -> Json:
    source, output = "/opt/ml/processing/input/data", "/opt/ml/processing/output"
    data = {
        "S3Uri": workspace.put("data/x.csv", "1"),
        "LocalPath": source,
        "S3DataType": "S3Prefix",
    }
    results = {"S3Uri": f"{BUCKET}/{RESULTS}", "LocalPath": output, "S3UploadMode": "EndOfJob"}
    return {
        "Name": "ask",
        "Type": "QualityCheck",
        "CheckType": "DATA_QUALITY",
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
        **members,
        "Arguments": {
            "ProcessingInputs": [{"InputName": "data", "S3Input": {**data, "S3InputMode": "File"}}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": results}]},
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.xlarge",
                    "VolumeSizeInGB": 1,
                }
            },
            "AppSpecification": {"ImageUri": "model-monitor"},
            "RoleArn": ROLE,
            "Environment": {"dataset_source": source, "output_path": output},
        },
    }


def pipeline(workspace: Workspace, text: str, **members: Any) -> CompiledPipeline:
    return replace(
        workspace.pipeline(check(workspace, **members)),
        stand_ins={"ask": stand_in(workspace, text)},
    )


def test_a_stand_in_gets_the_data_and_makes_the_baseline(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, WRITES))
    record = step_of(run, "ask")
    assert statuses(run) == {"ask": "Succeeded"}, record.reason
    assert workspace.read(f"{RESULTS}/statistics.json") == '{"files": ["x.csv"]}'
    for member in ("CalculatedBaseline", "BaselineUsedForDriftCheck"):
        assert record.result[f"{member}Statistics"] == f"{BUCKET}/{RESULTS}/statistics.json"
        assert record.result[f"{member}Constraints"] == f"{BUCKET}/{RESULTS}/constraints.json"


@pytest.mark.parametrize(("new", "used"), [(True, f"{BUCKET}/{RESULTS}/"), (False, "s3://old/")])
def test_a_supplied_baseline_stays_until_a_new_one_is_asked_for(
    new: bool, used: str, workspace: Workspace
) -> None:
    compiled = pipeline(
        workspace,
        WRITES,
        RegisterNewBaseline=new,
        SuppliedBaselineStatistics="s3://old/statistics.json",
    )
    result = step_of(workspace.run(compiled), "ask").result
    assert result["BaselineUsedForDriftCheckStatistics"] == f"{used}statistics.json"


def test_fails_for_a_violation(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, WRITES + VIOLATES))
    assert statuses(run) == {"ask": "Failed"}
    assert "violates its baseline 1 times: {'feature': 'age'}" in str(step_of(run, "ask").reason)


@pytest.mark.parametrize("members", [{"FailOnViolation": False}, {"SkipCheck": True}])
def test_a_violation_may_be_let_through(members: Json, workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, WRITES + VIOLATES, **members))
    assert statuses(run) == {"ask": "Succeeded"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pass", "the stand-in wrote no statistics.json below /opt/ml/processing/output"),
        (
            WRITES + "(place / 'constraint_violations.json').write_text('[')",
            "constraint_violations.json is not JSON",
        ),
        (
            WRITES + "(place / 'constraint_violations.json').write_text('[]')",
            "has no list 'violations'",
        ),
        ("raise SystemExit(3)", "exit code 3"),
    ],
)
def test_fails_for_a_stand_in_that_does_not_answer(
    text: str, reason: str, workspace: Workspace
) -> None:
    run = workspace.run(pipeline(workspace, text))
    assert statuses(run) == {"ask": "Failed"}
    assert reason in str(step_of(run, "ask").reason)


def test_fails_without_a_stand_in_before_anything_starts(workspace: Workspace) -> None:
    with pytest.raises(RunError) as caught:
        plan_run(workspace.pipeline(check(workspace)))
    assert "is of type QualityCheck, which does not run here" in str(caught.value)
    assert "give it a local_stand_in" in str(caught.value)


EXPLAINS = """
import json, os, pathlib
place = pathlib.Path("/opt/ml/processing")
config = json.loads((place / "input/config/analysis_config.json").read_text())
data = sorted(p.name for p in (place / "input/data").iterdir())
(place / "output/analysis.json").write_text(json.dumps({"label": config["label"], "files": data}))
"""


def clarify_check(workspace: Workspace, text: str, **members: Any) -> CompiledPipeline:
    config = {
        "S3Uri": workspace.put("config/analysis_config.json", '{"label": "y"}'),
        "LocalPath": "/opt/ml/processing/input/config",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    step = check(workspace, CheckType="MODEL_EXPLAINABILITY", **members)
    inputs = step["Arguments"]["ProcessingInputs"]
    inputs.append({"InputName": "analysis_config", "S3Input": config})
    return replace(
        workspace.pipeline({**step, "Type": "ClarifyCheck"}),
        stand_ins={"ask": stand_in(workspace, text)},
    )


@pytest.mark.parametrize(("new", "used"), [(True, f"{BUCKET}/{RESULTS}/"), (False, "s3://old/")])
def test_a_stand_in_of_clarify_gets_data_and_configuration(
    new: bool, used: str, workspace: Workspace
) -> None:
    supplied = {"SuppliedBaselineConstraints": "s3://old/analysis.json"}
    compiled = clarify_check(workspace, EXPLAINS, RegisterNewBaseline=new, **supplied)
    record = step_of(workspace.run(compiled), "ask")
    assert record.status == "Succeeded", record.reason
    assert workspace.read(f"{RESULTS}/analysis.json") == '{"label": "y", "files": ["x.csv"]}'
    assert record.result["CalculatedBaselineConstraints"] == f"{BUCKET}/{RESULTS}/analysis.json"
    assert record.result["BaselineUsedForDriftCheckConstraints"] == f"{used}analysis.json"
    assert "CalculatedBaselineStatistics" not in record.result


def test_fails_where_a_stand_in_of_clarify_writes_no_analysis(workspace: Workspace) -> None:
    run = workspace.run(clarify_check(workspace, "pass"))
    expected = "the stand-in wrote no analysis.json below /opt/ml/processing/output"
    assert expected in str(step_of(run, "ask").reason)


def test_fails_without_a_stand_in_of_clarify_before_anything_starts(workspace: Workspace) -> None:
    with pytest.raises(RunError) as caught:
        plan_run(replace(clarify_check(workspace, ""), stand_ins={}))
    assert "is of type ClarifyCheck, which does not run here" in str(caught.value)
    assert "give it a local_stand_in" in str(caught.value)
