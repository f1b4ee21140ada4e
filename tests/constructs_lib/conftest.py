"""One stack with every part of the delivery that stands by itself, checked as the app's stacks are."""

from __future__ import annotations

import os
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_s3 as s3
from cdk_nag import NIST80053R5Checks

from constructs_lib.delivery_notifications import DeliveryNotifications, SlackChannel
from constructs_lib.encryption_key import EncryptionKey
from constructs_lib.github_actions_role import GithubActionsRole
from constructs_lib.pull_request_builds import BuildNetwork
from constructs_lib.pull_request_checks import PullRequestChecks, ReviewTarget
from constructs_lib.pull_request_gateway import ConnectedRepository
from constructs_lib.review_role import ReviewRole
from tests.stacks.synthesis import FLAGS, ROOT, Synthesis, policy_checks

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/1111-2222"
OLDER_CONNECTION = f"arn:aws:codestar-connections:{REGION}:{ACCOUNT}:connection/3333-4444"
REVIEW_ROLE = "arn:aws:iam::210987654321:role/Smp-dev-delivery-review"
PARTS = "Parts"
ALONE = "Alone"


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """`Parts` has everything, in a network; `Alone` the least: one repository, e-mail, no smoke run."""
    directory = tmp_path_factory.mktemp("parts")
    checks = policy_checks()
    app = cdk.App(context=FLAGS, outdir=str(directory), analytics_reporting=False)
    add_everything(_stack(app, PARTS))
    add_least(_stack(app, ALONE))
    checks.add_to(app)
    cdk.Validations.of(app).add_plugins(NIST80053R5Checks(app))
    app.synth()
    return Synthesis(Path(directory))


def add_everything(stack: cdk.Stack) -> None:
    key = EncryptionKey(stack, "Key", removal_policy=cdk.RemovalPolicy.RETAIN).key
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "delivery-artifacts")
    DeliveryNotifications(
        stack,
        "Notifications",
        pipeline=codepipeline.Pipeline.from_pipeline_arn(
            stack, "Pipeline", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:delivery"
        ),
        key=key,
        emails=["ml@example.org", "ops@example.org"],
        slack=SlackChannel("T0123ABCD", "C0123ABCD"),
        watch_executions=True,
    )
    PullRequestChecks(
        stack,
        "PullRequests",
        app=ConnectedRepository(CONNECTION, "github", "example-org/pipelines", "main"),
        models={
            "fraud-detection": ConnectedRepository(
                CONNECTION, "gitlab", "group/sub/fraud", "release/1.0"
            ),
            "demand_forecast": ConnectedRepository(
                OLDER_CONNECTION, "bitbucket", "team/demand", "main"
            ),
        },
        allowed_actors=["1234", "557058:ab-{c}"],
        handover=bucket,
        key=key,
        review=ReviewTarget(REVIEW_ROLE, REGION, "dev"),
        review_role_name="Smp-Delivery-pull-request-review",
        network=BuildNetwork("vpc-12345678", ("subnet-12345678",), ("sg-12345678",)),
    )
    GithubActionsRole(
        stack,
        "GithubActions",
        role_name="Smp-Delivery-github-actions",
        repositories=["example-org/pipelines", "example-org@12/fraud@34"],
        review_role_arn=REVIEW_ROLE,
    )
    ReviewRole(
        stack,
        "Review",
        role_name="Smp-dev-delivery-review",
        trusted_account="999999999999",
        trusted_roles=["Smp-Delivery-pull-request-review", "Smp-Delivery-github-actions"],
        stack_prefix="Smp-dev",
        bucket=bucket,
        key=key,
    )


def add_least(stack: cdk.Stack) -> None:
    key = EncryptionKey(stack, "Key", removal_policy=cdk.RemovalPolicy.RETAIN).key
    DeliveryNotifications(
        stack,
        "Notifications",
        pipeline=codepipeline.Pipeline.from_pipeline_arn(
            stack, "Pipeline", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:delivery"
        ),
        key=key,
        emails=["ml@example.org"],
    )
    PullRequestChecks(
        stack,
        "PullRequests",
        app=ConnectedRepository(CONNECTION, "github", "example-org/pipelines", "main"),
        models={},
        allowed_actors=["1234"],
        handover=s3.Bucket.from_bucket_name(stack, "Bucket", "delivery-artifacts"),
        key=key,
        review=ReviewTarget(REVIEW_ROLE, REGION, "dev"),
        review_role_name="another-name",
        smoke_run=False,
    )
    GithubActionsRole(
        stack,
        "GithubActions",
        role_name="other-github-actions",
        repositories=["example-org/pipelines"],
        review_role_arn=REVIEW_ROLE,
        provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",
    )


def _stack(app: cdk.App, name: str) -> cdk.Stack:
    return cdk.Stack(app, name, env=cdk.Environment(account=ACCOUNT, region=REGION))
