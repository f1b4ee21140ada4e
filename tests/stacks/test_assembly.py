"""Every synthesis leaves its compiled pipelines in the assembly, in stages of a delivery too."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk

from smp.definition.assembly import read_assembly
from smp.definition.compiled import CompiledPipeline
from stacks.environment import Environment, new_app
from stacks.settings import Deployment, EnvironmentSettings
from tests.stacks.pipelines import full_pipeline
from tests.stacks.synthesis import FLAGS, Synthesis


def files_of(pipeline: CompiledPipeline) -> dict[str, bytes]:
    return {
        file.path: (pipeline.code_store / tree.sha256 / file.path).read_bytes()
        for tree in pipeline.code
        for file in tree.files
    }


def test_an_assembly_holds_its_pipelines_and_all_their_code(
    agnostic: Synthesis, store: Path, tmp_path: Path
) -> None:
    found = {p.name: p for p in read_assembly(agnostic.directory, tmp_path)}
    assert set(found) == {"churn", "prepare", "wide"}
    churn = full_pipeline(store)
    assert found["churn"].to_json() == churn.to_json()
    assert files_of(found["churn"]) == files_of(churn)
    kept = agnostic.directory / "pipelines" / "churn.json"
    assert kept.read_text("utf-8") == churn.to_json()


def test_template_files_are_kept_with_their_names(agnostic: Synthesis) -> None:
    (file,) = (agnostic.directory / "pipelines" / "code").rglob("*.json")
    assert json.loads(file.read_text("utf-8")) == {"bucket": "${smp:bucket}"}


def test_each_stage_holds_its_own(store: Path, tmp_path: Path) -> None:
    app = new_app(FLAGS, tmp_path / "cdk.out")
    for name in ("dev", "prod"):
        settings = EnvironmentSettings(account="123456789012", region="eu-west-1")
        deployment = Deployment(name=name, model_configs="unused", environment=settings)
        Environment(cdk.Stage(app, name), deployment).add_pipelines(
            [full_pipeline(store, description=f"in {name}")]
        )
    app.synth()
    for name in ("dev", "prod"):
        stage = tmp_path / "cdk.out" / f"assembly-{name}"
        (found,) = read_assembly(stage, tmp_path / name)
        assert found.description == f"in {name}"
        assert files_of(found) == files_of(full_pipeline(store))
