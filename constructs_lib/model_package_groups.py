"""The groups of the model registry into which one pipeline registers its models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from smp.definition.compiled import ModelPackageGroup


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
        self.resources: list[sagemaker.CfnModelPackageGroup] = []
        for group in groups:
            resource = sagemaker.CfnModelPackageGroup(
                self,
                group.name,
                model_package_group_name=group.name,
                model_package_group_description=group.description,
                tags=[cdk.CfnTag(key=key, value=value) for key, value in tags.items()] or None,
            )
            resource.apply_removal_policy(removal_policy)
            self.resources.append(resource)
