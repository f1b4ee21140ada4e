"""What the library grants to a delivery's roles: a right taken away, one added, wildcards accepted.

It never accepts a finding that it does not name, and none for a whole stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import pipelines
from constructs import IConstruct

from constructs_lib.acknowledgement import acknowledge, reported

INLINE = "The library grants to a role by its inline policy; nobody else can attach that one."
READING = {
    "AwsSolutions-IAM5[Action::s3:GetBucket*]": "CodePipeline reads the bucket's settings before use.",
    "AwsSolutions-IAM5[Action::s3:GetObject*]": "Objects and their versions, of this bucket alone.",
    "AwsSolutions-IAM5[Action::s3:List*]": "Lists this bucket, which holds the delivery's files alone.",
}
ENCRYPTING = {
    "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": "With and without plain text, of this one key.",
    "AwsSolutions-IAM5[Action::kms:ReEncrypt*]": "From and to, of this one key.",
}
WRITING = {
    "AwsSolutions-IAM5[Action::s3:Abort*]": "Ends uploads to this bucket that did not come through.",
    "AwsSolutions-IAM5[Action::s3:DeleteObject*]": "CodePipeline's grant for actions that write artifacts; "
    "the bucket keeps versions.",
}
ARTIFACTS = "Each run of the delivery names its artifacts anew."
OTHER_KEYS = (
    "The key of the bucket in another region has no ARN known to this stack; "
    "the condition on its alias leaves no other key."
)
LOGS = "CodeBuild's own default log group, which stays unused: logs go to the encrypted one."
REPORTS = "CodeBuild's own default report groups of this project, which stay unused."

IN_A_NETWORK = (
    "Builds in a VPC make their network interfaces themselves; EC2 describes them for no single "
    "resource, and permission is given for the settings' subnets alone."
)


def tighten_permissions(
    pipeline: pipelines.CodePipeline,
    bucket: s3.IBucket,
    builds: Sequence[pipelines.CodeBuildStep],
    *,
    connection_arns: Iterable[str],
    other_buckets: Iterable[s3.IBucket],
) -> None:
    """Call after the pipeline is built; `builds` are those that have their own role."""
    _settle_pipeline(pipeline.pipeline.role, bucket, connection_arns, other_buckets)
    for build in builds:
        made = build.primary_output is not None
        _settle_build(build.project, bucket, WRITING if made else {})
    _settle_self_mutation(pipeline.self_mutation_project, bucket)
    starting = pipeline.pipeline.node.try_find_child("EventsRole")
    if isinstance(starting, iam.Role):
        _accept(starting, {})
    for construct in pipeline.node.find_all():
        if isinstance(construct, codebuild.Project):
            _settle_network(construct)
    publishing = pipeline.node.find_child("Assets").node.try_find_child("FileRole")
    if isinstance(publishing, iam.Role):
        _settle_publishing(publishing, bucket)


def _settle_pipeline(
    role: iam.IRole,
    bucket: s3.IBucket,
    connection_arns: Iterable[str],
    other_buckets: Iterable[s3.IBucket],
) -> None:
    """The library grants connections by their former name only."""
    arns = sorted(set(connection_arns))
    if arns:
        role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="UseConnections", actions=["codeconnections:UseConnection"], resources=arns
            )
        )
    others = list(other_buckets)
    found = {**READING, **WRITING, **ENCRYPTING}
    found |= {_on(role, each.arn_for_objects("*")): ARTIFACTS for each in (bucket, *others)}
    found |= {_on(role, _keys_beside(each)): OTHER_KEYS for each in others}
    _accept(role, found)


def _settle_build(project: codebuild.IProject, bucket: s3.IBucket, more: Mapping[str, str]) -> None:
    stack = cdk.Stack.of(project)
    log_group = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"/aws/codebuild/{project.project_name}:*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    reports = stack.format_arn(
        service="codebuild", resource="report-group", resource_name=f"{project.project_name}-*"
    )
    role = project.role
    assert role is not None
    _accept(
        role,
        {
            **READING,
            **ENCRYPTING,
            **more,
            _on(role, bucket.arn_for_objects("*")): ARTIFACTS,
            _on(role, log_group): LOGS,
            _on(role, reports): REPORTS,
        },
    )


def _settle_self_mutation(project: codebuild.IProject, bucket: s3.IBucket) -> None:
    account = cdk.Stack.of(project).account
    _settle_build(
        project,
        bucket,
        {
            f"AwsSolutions-IAM5[Resource::arn:*:iam::{account}:role/*]": "Only roles that the "
            "bootstrap tagged for deploying or publishing: that is the condition.",
            "AwsSolutions-IAM5[Resource::*]": "The library's: which stacks and buckets there are.",
        },
    )


def _settle_network(project: codebuild.Project) -> None:
    """Builds in a VPC have one more policy, and may give permission for their network interfaces."""
    policy = project.node.try_find_child("PolicyDocument")
    if policy is None or project.role is None:
        return
    interfaces = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:network-interface/*"
    acknowledge(
        policy,
        {
            "AwsSolutions-IAM5[Resource::*]": IN_A_NETWORK,
            "NIST.800.53.R5-IAMNoInlinePolicy": INLINE,
        },
    )
    acknowledge(
        project.role.node.find_child("DefaultPolicy"),
        {f"AwsSolutions-IAM5[Resource::{interfaces}]": IN_A_NETWORK},
    )


def _settle_publishing(role: iam.Role, bucket: s3.IBucket) -> None:
    """The library lets the role start any build of the account, which no build of assets does."""
    role.add_to_policy(
        iam.PolicyStatement(
            sid="StartNoBuild",
            effect=iam.Effect.DENY,
            actions=["codebuild:StartBuild", "codebuild:StopBuild", "codebuild:BatchGetBuilds"],
            resources=["*"],
        )
    )
    stack = cdk.Stack.of(role)
    log_groups = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name="/aws/codebuild/*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    reports = stack.format_arn(service="codebuild", resource="report-group", resource_name="*")
    _accept(
        role,
        {
            **READING,
            _on(role, bucket.arn_for_objects("*")): ARTIFACTS,
            _on(role, log_groups): LOGS,
            _on(role, reports): REPORTS,
            "AwsSolutions-IAM5[Resource::*]": "Allowed by the library, and denied by this policy.",
        },
    )


def _keys_beside(bucket: s3.IBucket) -> str:
    """Return what the library grants for a key that is known by its alias: all of its region."""
    return cdk.Stack.of(bucket).format_arn(service="kms", resource="key", resource_name="*")


def _on(construct: IConstruct, arn: str) -> str:
    return f"AwsSolutions-IAM5[Resource::{reported(construct, [arn])[0]}]"


def _accept(role: iam.IRole, findings: Mapping[str, str]) -> None:
    policy = role.node.find_child("DefaultPolicy")
    acknowledge(policy, {**findings, "NIST.800.53.R5-IAMNoInlinePolicy": INLINE})
