"""One deployed SageMaker pipeline with all that it needs: roles, groups, code, definition.

It never changes what was compiled: it puts values where the definition has deploy-time names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct, IDependable

from constructs_lib.image_mapping import ImageMapping
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.job_role import JobRole
from constructs_lib.model_package_groups import ModelPackageGroups
from constructs_lib.pipeline_files import DEFINITION_PREFIX, PipelineFiles
from constructs_lib.pipeline_role import PipelineRole
from constructs_lib.registry_lookup import RegistryLookup
from smp.compiler.compiled import CompiledPipeline
from smp.compiler.deploy_values import (
    FUNCTION_PREFIX,
    IMAGE_ACCOUNT_PREFIX,
    IMAGE_PREFIX,
    substitute,
)
from smp.compiler.lookups import APPROVED_MODEL
from smp.compiler.permissions import plan_permissions
from smp.compiler.summary import summarise
from smp.graph import PipelineGraph
from smp.review.assembly import write_pipeline

MAX_INLINE_CHARACTERS = 100 * 1024
"""From here on the definition is an object in the bucket: a template holds 1 MB in all."""


class SageMakerPipeline(Construct):
    """A pipeline, from a checked graph (which is compiled here) or from a compiled pipeline.

    Model package groups stay when the stack goes: they hold registered models.
    """

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

        Raises SetupError where the environment lacks what the pipeline asks for.
        """
        super().__init__(scope, construct_id)
        self.compiled = _compiled(pipeline, code_store)
        self._environment = environment
        self._permissions = plan_permissions(self.compiled)
        self._subnets = environment.subnets_for(self.compiled)
        self._images = ImageMapping(self, "Images", images=self.compiled.images)
        self._needed_first: list[IDependable] = []
        self._lookup_arn = self._add_lookup() if self._permissions.lookup else ""
        self.job_role = environment.job_role or self._add_job_role()
        self.groups = ModelPackageGroups(
            self,
            "ModelPackageGroups",
            groups=self.compiled.model_package_groups,
            tags=self.compiled.tags,
            removal_policy=group_removal_policy,
        )
        self._needed_first += self.groups.resources
        self.pipeline_role = pipeline_role or self._add_pipeline_role()
        self.resource = self._add_pipeline(self._add_files(max_inline_characters))
        self.resource.node.add_dependency(*self._needed_first)
        self._add_triggers()
        self._leave_for_review()

    @property
    def pipeline_name(self) -> str:
        return self.compiled.name

    @property
    def pipeline_arn(self) -> str:
        """The ARN, which the service writes in lower case."""
        return cdk.Stack.of(self).format_arn(
            service="sagemaker", resource="pipeline", resource_name=self.compiled.name.lower()
        )

    @property
    def console_url(self) -> str:
        """The SageMaker page of the region's console, from which Studio opens with the pipeline in it."""
        stack = cdk.Stack.of(self)
        host = f"https://{stack.region}.console.aws.amazon.com"
        return f"{host}/sagemaker/home?region={stack.region}#/pipelines/{self.compiled.name}"

    def _add_lookup(self) -> str:
        lookup = RegistryLookup(
            self,
            "RegistryLookup",
            pipeline_name=self.compiled.name,
            statements=self._permissions.lookup,
            environment=self._environment,
            resolve=self._resolve,
        )
        self._needed_first.append(lookup.function)
        return lookup.function.function_arn

    def _add_job_role(self) -> iam.IRole:
        job_role = JobRole(
            self,
            "JobRole",
            pipeline_name=self.compiled.name,
            permissions=self._permissions,
            resolve=self._resolve,
        )
        self._needed_first += job_role.policies
        return job_role.role

    def _add_pipeline_role(self) -> iam.IRole:
        pipeline_role = PipelineRole(
            self,
            "PipelineRole",
            pipeline_name=self.compiled.name,
            permissions=self._permissions,
            resolve=self._resolve,
        )
        self._needed_first.append(pipeline_role.policy.resource)
        return pipeline_role.role

    def _add_triggers(self) -> None:
        """Add what is switched on; a pipeline without triggers gets nothing, not even a queue."""
        triggers = [trigger for trigger in self.compiled.triggers if trigger.enabled]
        if triggers:
            from constructs_lib.pipeline_triggers import PipelineTriggers

            added = PipelineTriggers(
                self,
                "Triggers",
                pipeline_name=self.compiled.name,
                pipeline_arn=self.pipeline_arn,
                triggers=triggers,
                statements=self._permissions.triggers,
                key=self._environment.key,
                resolve=self._resolve,
            )
            added.node.add_dependency(self.resource)

    def _add_files(self, max_inline_characters: int) -> dict[str, Any]:
        """Upload what jobs read, and return where the definition is: in the template or the bucket."""
        definition = substitute(self.compiled.definition, self._resolve)
        text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
        key = None
        if len(text) > max_inline_characters:
            resolved = json.dumps(cdk.Stack.of(self).resolve(text), sort_keys=True)
            key = f"{hashlib.sha256(resolved.encode()).hexdigest()}.json"
        if self.compiled.code or key:
            files = PipelineFiles(
                self,
                "Files",
                code=self.compiled.code,
                code_store=self.compiled.code_store,
                definition=(key, text) if key else None,
                environment=self._environment,
                resolve=self._resolve_text,
            )
            self._needed_first += files.deployments
        if key is None:
            return {"PipelineDefinitionBody": _in_lines(definition)}
        bucket = self._environment.bucket.bucket_name
        location = {"Bucket": bucket, "Key": f"{DEFINITION_PREFIX}/{key}"}
        return {"PipelineDefinitionS3Location": location}

    def _leave_for_review(self) -> None:
        """Leave the compiled pipeline in the assembly, and a line for each part in the template's metadata.

        `cdk diff` names there which steps change. A resource's own metadata it leaves out.
        """
        stage = cdk.Stage.of(self)
        assert stage is not None
        write_pipeline(Path(stage.outdir), self.compiled)
        lines = summarise(self.compiled).items()
        options = cdk.Stack.of(self).template_options
        named = {f"{self.compiled.name}: {part}": line for part, line in lines}
        options.metadata = {**(options.metadata or {}), **named}

    def _add_pipeline(self, definition: dict[str, Any]) -> sagemaker.CfnPipeline:
        compiled = self.compiled
        parallel = compiled.max_parallel_steps
        return sagemaker.CfnPipeline(
            self,
            "Resource",
            pipeline_name=compiled.name,
            pipeline_display_name=compiled.display_name,
            pipeline_description=compiled.description,
            pipeline_definition=definition,
            role_arn=self.pipeline_role.role_arn,
            parallelism_configuration={"MaxParallelExecutionSteps": parallel} if parallel else None,
            tags=[cdk.CfnTag(key=key, value=value) for key, value in compiled.tags.items()] or None,
        )

    def _resolve_text(self, text: str) -> str:
        """Put deploy-time values into a text."""
        return str(substitute(text, self._resolve))

    def _resolve(self, name: str) -> str | list[str]:
        if name.startswith(IMAGE_PREFIX):
            return self._images.uri(name.removeprefix(IMAGE_PREFIX))
        if name == f"{FUNCTION_PREFIX}{APPROVED_MODEL}":
            return self._lookup_arn
        if name.startswith(IMAGE_ACCOUNT_PREFIX):
            return self._images.account(name.removeprefix(IMAGE_ACCOUNT_PREFIX))
        return self._values[name]()

    @property
    def _values(self) -> dict[str, Callable[[], str | list[str]]]:
        """What each deploy-time name stands for; the role exists only after its policy's needs."""
        stack = cdk.Stack.of(self)
        return {
            "account_id": lambda: stack.account,
            "region": lambda: stack.region,
            "partition": lambda: stack.partition,
            "url_suffix": lambda: stack.url_suffix,
            "bucket": lambda: self._environment.bucket.bucket_name,
            "role_arn": lambda: self.job_role.role_arn,
            "kms_key_arn": lambda: self._environment.key.key_arn,
            "subnets": lambda: list(self._subnets),
            "security_group_ids": lambda: list(self._environment.security_group_ids),
        }


def _in_lines(definition: Any) -> dict[str, Any]:
    """Return a definition as text of which a template shows every line by itself.

    A join is made by hand: the CDK's own would put all that is between two tokens into one string.
    """
    lines = json.dumps(definition, ensure_ascii=False, indent=1).split("\n")
    return {"Fn::Join": ["\n", lines]}


def _compiled(
    pipeline: PipelineGraph | CompiledPipeline, code_store: Path | None
) -> CompiledPipeline:
    if isinstance(pipeline, CompiledPipeline):
        return pipeline
    if code_store is None:
        raise TypeError("a graph is compiled here: pass the code_store for its code trees")
    from smp.compiler.compile import compile_pipeline

    return compile_pipeline(pipeline, code_store)
