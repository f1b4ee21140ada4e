"""`smp diff --base deployed`: what is in the account against the files as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smp.cli.authoring import scaffold_model
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import substitute
from tests.aws.account import ACCOUNT, REGION, ROLE, Account
from tests.aws.conftest import RunSmp
from tests.aws.test_deployed import BUCKET, value_of

SCRIPT = "model_configs/fraud_check/scripts/train.py"


def compiled(workspace: Path) -> CompiledPipeline:
    """What the compile cache of a workspace holds."""
    kept = json.loads((workspace / ".smp" / "compiled" / "fraud-check.json").read_text("utf-8"))
    return CompiledPipeline.from_json(kept["compiled"], workspace / ".smp" / "code")


def deploy(account: Account, pipeline: CompiledPipeline) -> None:
    """Do what the stack of a pipeline without a name, description or tags of its own does."""

    def value(name: str) -> str | list[str]:
        known = {"account_id": ACCOUNT, "region": REGION}
        known |= {f"image.{key}": by[REGION] for key, by in pipeline.images.items()}
        return known.get(name) or value_of(name)

    sagemaker, s3 = account.client("sagemaker"), account.client("s3")
    for group in pipeline.model_package_groups:
        sagemaker.create_model_package_group(ModelPackageGroupName=group.name)
    sagemaker.create_pipeline(
        PipelineName=pipeline.name,
        PipelineDefinition=json.dumps(substitute(pipeline.definition, value)),
        RoleArn=ROLE,
        ClientRequestToken="x" * 32,
    )
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for tree in pipeline.code:
        for file in tree.files:
            data = (pipeline.code_store / tree.sha256 / file.path).read_bytes()
            s3.put_object(Bucket=BUCKET, Key=f"{tree.key}/{file.path}", Body=data)


@pytest.mark.slow
def test_what_is_deployed_is_compared_with_the_files(
    account: Account, run_smp: RunSmp, tmp_path: Path
) -> None:
    scaffold_model(tmp_path, "fraud_check")
    command = ("diff", "--base", "deployed", "--workspace", tmp_path)
    before = run_smp(*command)
    assert before.status == 3
    assert before.out.startswith("1 pipeline changes: fraud-check (new, 5 steps).")

    deploy(account, compiled(tmp_path))
    same = run_smp(*command)
    assert (same.status, same.out) == (
        0,
        "Nothing changes: 1 pipeline in deployed and working tree.\n",
    )

    with (tmp_path / SCRIPT).open("a") as file:
        file.write("# one\n")
    changed = run_smp(*command)
    assert changed.status == 3
    assert "train.py  +1 \N{MINUS SIGN}0" in changed.out
    drawn = run_smp("graph", "fraud-check", *command[1:])
    assert ":::changed" in drawn.out
