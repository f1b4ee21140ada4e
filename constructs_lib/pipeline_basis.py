"""What one pipeline needs whichever targets run it: job role, groups, images, functions, code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct, IDependable

from constructs_lib.image_mapping import ImageMapping
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.job_role import JobRole
from constructs_lib.model_package_groups import ModelPackageGroups
from constructs_lib.pipeline_files import PipelineFiles
from constructs_lib.pipeline_function import PipelineFunction
from smp.definition.assembly import write_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import (
    FUNCTION_PREFIX,
    IMAGE_ACCOUNT_PREFIX,
    IMAGE_PREFIX,
    substitute,
)
from smp.definition.functions import FUNCTIONS, Function
from smp.definition.permissions.plan import plan_permissions
from smp.definition.summary import summarise


class PipelineBasis:
    """Constructs below a scope that the targets of one pipeline share, and the deploy-time values.

    Not a construct itself: what it makes has the same ids whether the scope is a SageMaker pipeline
    or, without one, a scope of that name. Model package groups stay when the stack goes.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        pipeline: CompiledPipeline,
        environment: JobEnvironment,
        group_removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
    ) -> None:
        """Raises SetupError if the environment lacks what the pipeline needs."""
        self.compiled = pipeline
        self.environment = environment
        self.permissions = plan_permissions(pipeline)
        self.needed_first: list[IDependable] = []
        """What has to be there before anything runs the pipeline."""
        self._resolved: dict[str, str | list[str]] = {}
        """Values asked for before: each costs a call into the CDK, and a definition has hundreds."""
        self._scope = scope
        self._stack = cdk.Stack.of(scope)
        self._files: PipelineFiles | None = None
        self._subnets = environment.subnets_for(pipeline)
        self._images = ImageMapping(scope, "Images", images=pipeline.images)
        self._functions = {
            name: self._add_function(FUNCTIONS[name]) for name in self.permissions.functions
        }
        self.job_role = environment.job_role or self._add_job_role()
        self.groups = ModelPackageGroups(
            scope,
            "ModelPackageGroups",
            groups=pipeline.model_package_groups,
            tags=pipeline.tags,
            removal_policy=group_removal_policy,
        )
        self.needed_first += self.groups.resources

    def add_files(self, definition: tuple[str, str] | None = None) -> None:
        """Upload what jobs read, and a definition that is too large for a template, if there is any."""
        if self.compiled.code or definition:
            self._files = self._new_files(definition)
            self.needed_first += self._files.deployments

    @property
    def files(self) -> PipelineFiles:
        """What uploads, for a target's own files; after `add_files`."""
        if self._files is None:
            self._files = self._new_files(None)
        return self._files

    def _new_files(self, definition: tuple[str, str] | None) -> PipelineFiles:
        return PipelineFiles(
            self._scope,
            "Files",
            code=self.compiled.code,
            code_store=self.compiled.code_store,
            definition=definition,
            environment=self.environment,
            resolve=self.resolve_text,
        )

    def write_review_metadata(self) -> None:
        """Leave the compiled pipeline in the assembly, and a line for each part in the template's metadata.

        `cdk diff` names there which steps change. A resource's own metadata it leaves out.
        """
        stage = cdk.Stage.of(self._scope)
        assert stage is not None
        write_pipeline(Path(stage.outdir), self.compiled)
        lines = summarise(self.compiled).items()
        options = self._stack.template_options
        named = {f"{self.compiled.name}: {part}": line for part, line in lines}
        options.metadata = {**(options.metadata or {}), **named}

    def resolve_text(self, text: str) -> str:
        """Put deploy-time values into a text."""
        return str(substitute(text, self.resolve))

    def resolve(self, name: str) -> str | list[str]:
        """Return the value of a deploy-time name, which comes without `${smp:` and `}`."""
        if name not in self._resolved:
            self._resolved[name] = self._value(name)
        return self._resolved[name]

    def _value(self, name: str) -> str | list[str]:
        if name.startswith(IMAGE_PREFIX):
            return self._images.uri(name.removeprefix(IMAGE_PREFIX))
        if name.startswith(FUNCTION_PREFIX):
            return self._functions[name.removeprefix(FUNCTION_PREFIX)]
        if name.startswith(IMAGE_ACCOUNT_PREFIX):
            return self._images.account(name.removeprefix(IMAGE_ACCOUNT_PREFIX))
        return self._values[name]()

    def _add_function(self, function: Function) -> str:
        made = PipelineFunction(
            self._scope,
            function.construct_id,
            function=function,
            pipeline_name=self.compiled.name,
            statements=self.permissions.functions[function.name],
            environment=self.environment,
            resolve=self.resolve,
        )
        self.needed_first.append(made.function)
        return made.function.function_arn

    def _add_job_role(self) -> iam.IRole:
        job_role = JobRole(
            self._scope,
            "JobRole",
            pipeline_name=self.compiled.name,
            permissions=self.permissions,
            resolve=self.resolve,
        )
        self.needed_first += job_role.policies
        return job_role.role

    @property
    def _values(self) -> dict[str, Callable[[], str | list[str]]]:
        """The value of each deploy-time name; the role is created after what its policy refers to."""
        return {
            "account_id": lambda: self._stack.account,
            "region": lambda: self._stack.region,
            "partition": lambda: self._stack.partition,
            "url_suffix": lambda: self._stack.url_suffix,
            "bucket": lambda: self.environment.bucket.bucket_name,
            "role_arn": lambda: self.job_role.role_arn,
            "kms_key_arn": lambda: self.environment.key.key_arn,
            "subnets": lambda: list(self._subnets),
            "security_group_ids": lambda: list(self.environment.security_group_ids),
        }
