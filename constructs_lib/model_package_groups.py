"""The groups of the model registry into which one pipeline registers its models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from constructs_lib.definition_text import plain_text
from constructs_lib.pipeline_events import SOURCE, EventOptions, add_rule
from smp.definition.compiled import ModelPackageGroup
from smp.definition.triggers import MODEL_PACKAGE_CHANGE

if TYPE_CHECKING:
    from aws_cdk import aws_events as events


class ModelPackageGroups(Construct):
    """One model package group for each name; the name is the construct's id.

    The service refuses to delete a group with versions in it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        groups: Iterable[ModelPackageGroup],
        tags: Mapping[str, str],
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.names: list[str] = []
        self.resources: list[sagemaker.CfnModelPackageGroup] = []
        for group in groups:
            resource = sagemaker.CfnModelPackageGroup(
                self,
                group.name,
                model_package_group_name=group.name,
                model_package_group_description=plain_text(group.description),
                tags=[cdk.CfnTag(key=key, value=value) for key, value in tags.items()] or None,
            )
            resource.apply_removal_policy(removal_policy)
            self.resources.append(resource)
            self.names.append(group.name)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to describe the groups, and to list and describe the versions in them.

        The files of a version are in the bucket: `JobEnvironment.grant_read` allows to read those.
        """
        groups = iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages"],
            resource_arns=self._arns("model-package-group"),
        )
        return groups.combine(
            self._grant_versions(
                grantee, "sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"
            )
        )

    def grant_approve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to approve and reject versions, which is UpdateModelPackage, and to describe them."""
        return self._grant_versions(
            grantee, "sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"
        )

    def on_approved(self, construct_id: str, **options: Unpack[EventOptions]) -> events.Rule:
        """Add a rule on versions that were approved; the event has the version in `ModelPackageArn`."""
        from aws_cdk import aws_events as events

        condition = events.EventPattern(
            source=[SOURCE],
            detail_type=[MODEL_PACKAGE_CHANGE],
            detail={"ModelPackageGroupName": self.names, "ModelApprovalStatus": ["Approved"]},
        )
        return add_rule(self, construct_id, condition, **options)

    def _grant_versions(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        arns = [f"{arn}/*" for arn in self._arns("model-package")]
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=arns
        )

    def _arns(self, resource: str) -> list[str]:
        """Return one ARN for each spelling of a name: the service may write it in lower case."""
        stack = cdk.Stack.of(self)
        spellings = sorted({text for name in self.names for text in (name, name.lower())})
        return [
            stack.format_arn(service="sagemaker", resource=resource, resource_name=name)
            for name in spellings
        ]
