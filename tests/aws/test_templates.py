"""`smp check-permissions` against an account: which stacks are there, and whose account it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.aws.account import Account
from tests.aws.conftest import RunSmp

Json = dict[str, Any]

PLACE = "aws://unknown-account/unknown-region"


def template(*actions: str) -> Json:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "x"}}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [
            {
                "PolicyName": "Own",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            }
        ],
    }
    return {"Resources": {"Jobs": {"Type": "AWS::IAM::Role", "Properties": properties}}}


def assembly(directory: Path, place: str = PLACE, **stacks: Json) -> Path:
    artifacts = {}
    directory.mkdir()
    for name, content in stacks.items():
        stack = f"Smp-{name}"
        (directory / f"{stack}.template.json").write_text(json.dumps(content))
        artifacts[stack] = {
            "type": "aws:cloudformation:stack",
            "environment": place,
            "properties": {"templateFile": f"{stack}.template.json"},
        }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return directory


def deploy(account: Account, **stacks: Json) -> None:
    for name, content in stacks.items():
        account.client("cloudformation").create_stack(
            StackName=f"Smp-{name}",
            TemplateBody=json.dumps(content),
            Capabilities=["CAPABILITY_IAM"],
        )


def test_deployed_templates_are_what_is_compared_with(
    account: Account, run_smp: RunSmp, tmp_path: Path
) -> None:
    deploy(account, Foundation=template("s3:GetObject"))
    assembly(tmp_path / "cdk.out", Foundation=template("s3:GetObject"))
    done = run_smp("check-permissions")
    assert (done.status, done.out) == (0, "1 stack compared: nothing more is allowed\n"), done.err


def test_a_stack_that_is_not_deployed_is_new_with_all_that_it_allows(
    account: Account, run_smp: RunSmp, tmp_path: Path
) -> None:
    deploy(account, Foundation=template("a:B"))
    assembly(tmp_path / "cdk.out", Foundation=template("a:B"), DeliveryAccess=template("c:D"))
    done = run_smp("check-permissions")
    assert done.status == 3, done.err
    assert done.out.splitlines() == [
        "Smp-DeliveryAccess: role Jobs may now c:D on *",
        "Smp-DeliveryAccess: role Jobs: Service x may now sts:AssumeRole",
        "2 stacks compared: 2 more allowed",
    ]


def test_fails_for_stacks_of_another_account(
    account: Account, run_smp: RunSmp, tmp_path: Path
) -> None:
    assert account
    assembly(tmp_path / "cdk.out", "aws://999999999999/us-east-1", Foundation=template("a:B"))
    done = run_smp("check-permissions")
    assert done.status == 1
    assert "the stacks go to account 999999999999" in done.err
    assert "hint: give --profile or --assume-role of that account" in done.err


def test_fails_for_a_stack_that_this_app_did_not_deploy(
    account: Account, run_smp: RunSmp, tmp_path: Path
) -> None:
    account.client("cloudformation").create_stack(
        StackName="Smp-Foundation",
        TemplateBody="Resources:\n  Own:\n    Type: AWS::SNS::Topic\n",
    )
    assembly(tmp_path / "cdk.out", Foundation=template("a:B"))
    done = run_smp("check-permissions")
    assert done.status == 1
    assert "the template of stack Smp-Foundation is not JSON" in done.err
