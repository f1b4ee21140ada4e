"""Spot capacity with checkpoints, and instances that are kept for the next job."""

from __future__ import annotations

from pathlib import Path

from smp.compiler.compile import compile_pipeline
from smp.definition.permissions.plan import plan_permissions
from smp.graph import build_graph
from tests.compiler.compiling import arguments, compile_demo
from tests.graph.workspace import IMAGE, load, pipeline_of

SPOT = (
    f"{{image_uri: {IMAGE}, entry_point: train.py, use_spot: true, max_wait_seconds: 7200, "
    "max_runtime_seconds: 3600, checkpoint_s3_uri: s3://data/checkpoints}"
)
KEPT = f"{{image_uri: {IMAGE}, entry_point: train.py, keep_alive_seconds: 900}}"
TUNE = "{objective: {metric: auc}, ranges: {rate: {type: continuous, min: 0.1, max: 0.3}}}"


def test_a_job_on_spot_capacity(tmp_path: Path) -> None:
    job = arguments(compile_demo(tmp_path, "fit: Training", demo__train=SPOT), "fit")
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert job["CheckpointConfig"] == {
        "S3Uri": "s3://data/checkpoints",
        "LocalPath": "/opt/ml/checkpoints",
    }


def test_its_checkpoints_may_be_read_and_written(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training", demo__train=SPOT)
    writes = next(s for s in plan_permissions(compiled).job if s.sid == "WriteResults")
    assert "arn:${smp:partition}:s3:::data/checkpoints/*" in writes.resources


def test_instances_are_kept_for_the_next_job(tmp_path: Path) -> None:
    job = arguments(compile_demo(tmp_path, "fit: Training", demo__train=KEPT), "fit")
    assert job["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 900
    assert "EnableManagedSpotTraining" not in job


def test_jobs_of_a_search_run_on_spot_capacity_too(tmp_path: Path) -> None:
    train = SPOT[:-1] + ", metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}]}"
    compiled = compile_demo(tmp_path, "fit: Tuning", demo__train=train, demo__tune=TUNE)
    job = arguments(compiled, "fit")["TrainingJobDefinition"]
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"]["MaxWaitTimeInSeconds"] == 7200
    assert job["CheckpointConfig"]["S3Uri"] == "s3://data/checkpoints"


def test_the_job_that_packs_the_model_waits_for_no_capacity(tmp_path: Path) -> None:
    registry = f"{{InferenceSpecification: {{image_uri: {IMAGE}}}}}"
    compiled = compile_demo(
        tmp_path, "fit: Training\nserve: CreateModel", demo__train=SPOT, demo__registry=registry
    )
    repack = arguments(compiled, "serve-RepackModel-0")
    assert not {"EnableManagedSpotTraining", "CheckpointConfig"} & set(repack)
    assert "MaxWaitTimeInSeconds" not in repack["StoppingCondition"]


def test_times_and_places_may_vary(tmp_path: Path) -> None:
    declared = "[{name: wait, type: Integer, default: 9000}, {name: run, default: daily}]"
    text = pipeline_of("fit: Training").replace(
        "    models:", f"    parameters: {declared}\n    models:", 1
    )
    train = SPOT.replace("7200", "'${parameters.wait}'")
    train = train.replace("s3://data/checkpoints", "'s3://data/checkpoints/${parameters.run}'")
    project = load(tmp_path, text, demo__train=train)
    compiled = compile_pipeline(build_graph(project, "demo"), tmp_path / "store")
    job = arguments(compiled, "fit")
    assert job["StoppingCondition"]["MaxWaitTimeInSeconds"] == {"Get": "Parameters.wait"}
    assert "Std:Join" in job["CheckpointConfig"]["S3Uri"]
