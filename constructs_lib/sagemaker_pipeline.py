"""One deployed SageMaker pipeline with all that it needs: roles, groups, code, definition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from constructs_lib.definition_text import (
    MAX_INLINE_CHARACTERS,
    compact,
    content_name,
    in_lines,
    plain_text,
)
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.pipeline_arn import identity_from_name
from constructs_lib.pipeline_basis import PipelineBasis
from constructs_lib.pipeline_interface import ISageMakerPipeline, import_by_arn, import_by_name
from constructs_lib.pipeline_role import PipelineRole
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import substitute
from smp.definition.reserved_prefixes import DEFINITION_PREFIX
from smp.definition.triggers import SAGEMAKER

if TYPE_CHECKING:
    from smp.graph import PipelineGraph


@jsii.implements(iam.IGrantable)
class SageMakerPipeline(ISageMakerPipeline):
    """A pipeline, from a checked graph, which it compiles, or from a compiled pipeline.

    As a grantee it is the role of its jobs: `bucket.grant_read(pipeline)` lets the jobs read.
    Model package groups stay when the stack goes: they hold registered models.
    """

    @staticmethod
    def from_pipeline_arn(
        scope: Construct, construct_id: str, pipeline_arn: str
    ) -> ISageMakerPipeline:
        """Import a pipeline of any account, region and partition by its ARN, which may be a token.

        Spell the name as it was created: metrics are found by it. Raises SetupError for a malformed ARN.
        """
        return import_by_arn(scope, construct_id, pipeline_arn)

    @staticmethod
    def from_pipeline_name(
        scope: Construct, construct_id: str, pipeline_name: str
    ) -> ISageMakerPipeline:
        """Import a pipeline of the stack's own account and region by its name, which may be a token.

        Raises SetupError for a malformed name.
        """
        return import_by_name(scope, construct_id, pipeline_name)

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: PipelineGraph | CompiledPipeline,
        environment: JobEnvironment,
        pipeline_role: iam.IRole | None = None,
        code_store: Path | None = None,
        max_inline_characters: int = MAX_INLINE_CHARACTERS,
        group_removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
    ) -> None:
        """`code_store` is where a graph's code trees are kept; a compiled pipeline knows its own.

        Raises SetupError if the environment lacks what the pipeline needs.
        """
        super().__init__(scope, construct_id)
        self.compiled = _compiled(pipeline, code_store)
        self._identity = identity_from_name(self, self.compiled.name)
        self.basis = PipelineBasis(
            self,
            pipeline=self.compiled,
            environment=environment,
            group_removal_policy=group_removal_policy,
        )
        self.job_role = self.basis.job_role
        self.groups = self.basis.groups
        self.pipeline_role = pipeline_role or self._add_pipeline_role()
        self.resource = self._add_pipeline(self._add_files(max_inline_characters))
        self.resource.node.add_dependency(*self.basis.needed_first)
        self._add_triggers()
        self.basis.write_review_metadata()

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The role of the jobs, which is what reads and writes data."""
        return self.job_role.grant_principal

    def _add_pipeline_role(self) -> iam.IRole:
        pipeline_role = PipelineRole(
            self,
            "PipelineRole",
            pipeline_name=self.compiled.name,
            permissions=self.basis.permissions,
            resolve=self.basis.resolve,
        )
        self.basis.needed_first.extend(pipeline_role.policy.resources)
        return pipeline_role.role

    def _add_triggers(self) -> None:
        """Add what is switched on; a pipeline without triggers gets nothing, not even a queue."""
        triggers = self.compiled.triggers_of(SAGEMAKER)
        if triggers:
            from constructs_lib.pipeline_triggers import PipelineTriggers
            from constructs_lib.trigger_starts import PipelineStart

            added = PipelineTriggers(
                self,
                "Triggers",
                pipeline_name=self.compiled.name,
                start=PipelineStart(self.pipeline_arn),
                triggers=triggers,
                statements=self.basis.permissions.triggers,
                key=self.basis.environment.key,
                resolve=self.basis.resolve,
            )
            added.node.add_dependency(self.resource)

    def _add_files(self, max_inline_characters: int) -> dict[str, Any]:
        """Upload what jobs read, and return where the definition is: in the template or the bucket."""
        definition = substitute(self.compiled.definition, self.basis.resolve)
        text = compact(definition)
        if len(text) <= max_inline_characters:
            self.basis.add_files()
            return {"PipelineDefinitionBody": in_lines(definition)}
        name = content_name(cdk.Stack.of(self), text, ".json")
        self.basis.add_files((name, text))
        bucket = self.basis.environment.bucket.bucket_name
        location = {"Bucket": bucket, "Key": f"{DEFINITION_PREFIX}/{name}"}
        return {"PipelineDefinitionS3Location": location}

    def _add_pipeline(self, definition: dict[str, Any]) -> sagemaker.CfnPipeline:
        compiled = self.compiled
        parallel = compiled.max_parallel_steps
        return sagemaker.CfnPipeline(
            self,
            "Resource",
            pipeline_name=compiled.name,
            pipeline_display_name=plain_text(compiled.display_name),
            pipeline_description=plain_text(compiled.description),
            pipeline_definition=definition,
            role_arn=self.pipeline_role.role_arn,
            parallelism_configuration={"MaxParallelExecutionSteps": parallel} if parallel else None,
            tags=[cdk.CfnTag(key=key, value=value) for key, value in compiled.tags.items()] or None,
        )


def _compiled(
    pipeline: PipelineGraph | CompiledPipeline, code_store: Path | None
) -> CompiledPipeline:
    if isinstance(pipeline, CompiledPipeline):
        return pipeline
    if code_store is None:
        raise TypeError(
            "pass code_store too: a graph is compiled and its code trees are stored there"
        )
    from smp.compiler.compile import compile_pipeline

    return compile_pipeline(pipeline, code_store)
