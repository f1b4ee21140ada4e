"""The stack that delivers: a pipeline from the repositories to every environment, in order.

Each environment's bootstrap roles deploy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import pipelines
from constructs import Construct

from constructs_lib.artifact_bucket import ArtifactBucket
from constructs_lib.asset_manifests import publishing_build_spec
from constructs_lib.bootstrap import bootstrap_role_arn, partition_of
from constructs_lib.delivery_builds import (
    APPROVAL_TEXT,
    ASSEMBLY,
    BuildPlace,
    DeliveryBuilds,
    Target,
    node_build_spec,
    review_build_role,
    start_build_role,
)
from constructs_lib.delivery_network import DeliveryNetwork
from constructs_lib.delivery_permissions import tighten_permissions
from constructs_lib.encryption_key import EncryptionKey
from smp.definition.compiled import CompiledPipeline
from smp.definition.stack_names import DELIVERY
from smp.definition.triggers import SAGEMAKER
from stacks.delivery_access import DeliveryAccess, review_role_name, start_role_name
from stacks.delivery_checks import add_checks, add_notices, reviewers
from stacks.delivery_plan import DeliveryPlan, PlannedStage
from stacks.delivery_region import DeliveryRegion
from stacks.delivery_settings import BuildNetwork
from stacks.delivery_sources import make_sources, start_on_push
from stacks.environment import Environment
from stacks.log_retention import LOG_RETENTION
from stacks.tool_versions import ToolVersions, read_tool_versions

RETAIN = cdk.RemovalPolicy.RETAIN


class Delivery(cdk.Stack):
    """Source, synth, self-update, publishing of files, and one stage for each environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        plan: DeliveryPlan,
        compiled: Mapping[str, Sequence[CompiledPipeline]],
        versions: ToolVersions,
        **stack_props: Any,
    ) -> None:
        """`compiled` are the pipelines of each environment, by its name."""
        super().__init__(
            scope,
            construct_id,
            description="Delivery of SageMaker pipelines from their repositories to environments",
            **stack_props,
        )
        self._app_scope = scope
        self._plan = plan
        self._compiled = compiled
        self._retention = LOG_RETENTION[plan.settings.log_days]
        self._add_storage()
        self._sources = make_sources(self, plan.settings)
        self._builds = DeliveryBuilds(
            self,
            app=self._sources.app,
            revisions=self._sources.revisions,
            log_group=self.log_group,
            place=self._place(plan.settings.network),
        )
        self._other_buckets = self._add_other_regions()
        self._synth = self._builds.synth(self._sources.models)
        self._pipeline = self._add_pipeline(versions)
        for stage in plan.stages:
            self._add_stage(stage)
        self._pipeline.build_pipeline()
        start_on_push(self, self.pipeline, self._sources)
        self._settle_permissions()
        self._add_checks()

    def _add_storage(self) -> None:
        """Add what holds artifacts and logs, and the key of both."""
        self.key = EncryptionKey(
            self,
            "Encryption",
            removal_policy=RETAIN,
            description="Artifacts and logs of the delivery",
        ).key
        self.artifacts = ArtifactBucket(self, "Artifacts", key=self.key, removal_policy=RETAIN)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=self.key,
            retention=self._retention,
            removal_policy=RETAIN,
        )

    def _settle_permissions(self) -> None:
        tighten_permissions(
            self._pipeline,
            self.artifacts.bucket,
            self._builds.made,
            connection_arns=self._sources.connection_arns,
            other_buckets=self._other_buckets.values(),
        )

    def _add_checks(self) -> None:
        """Add notices, and checks of pull requests, if the settings ask for them."""
        add_notices(self, self._plan, self.pipeline, self.key)
        add_checks(
            self,
            self._plan,
            handover=self.artifacts.bucket,
            key=self.key,
            retention=self._retention,
        )

    @property
    def pipeline(self) -> codepipeline.Pipeline:
        return self._pipeline.pipeline

    def _add_pipeline(self, versions: ToolVersions) -> pipelines.CodePipeline:
        return pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_name=DELIVERY,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=codepipeline.ExecutionMode.SUPERSEDED,
            **self._artifact_buckets(),
            synth=self._synth,
            self_mutation=True,
            cli_version=versions.cdk,
            cdk_assets_cli_version=versions.cdk_assets,
            publish_assets_in_parallel=False,
            use_pipeline_role_for_actions=True,
            code_build_defaults=self._builds.defaults(),
            asset_publishing_code_build_defaults=pipelines.CodeBuildOptions(
                partial_build_spec=publishing_build_spec()
            ),
            self_mutation_code_build_defaults=pipelines.CodeBuildOptions(
                partial_build_spec=node_build_spec()
            ),
        )

    def _add_stage(self, planned: PlannedStage) -> None:
        place = cdk.Environment(account=planned.account, region=planned.region)
        stage = cdk.Stage(self, planned.deployment.name, env=place)
        compiled = self._compiled[planned.deployment.name]
        environment = Environment(stage, planned.deployment)
        environment.add_pipelines(compiled)
        self._add_access(
            stage, planned, environment, [p.name for p in compiled if SAGEMAKER in p.targets]
        )
        target = _target(planned, stage)
        self._pipeline.add_stage(
            stage, pre=self._before(planned, target), post=self._after(planned, target)
        )

    def _add_access(
        self,
        stage: cdk.Stage,
        planned: PlannedStage,
        environment: Environment,
        pipeline_names: Sequence[str],
    ) -> None:
        prefix = planned.deployment.stack_prefix
        name = f"{prefix}-DeliveryAccess"
        settings = planned.settings
        build = planned.deployment.name
        access = DeliveryAccess(
            stage,
            name,
            stack_name=name,
            delivery_account=self._plan.settings.account,
            stack_prefix=prefix,
            environment=environment.foundation.job_environment,
            pipeline_names=pipeline_names,
            may_start=[start_build_role(build)] if settings.start_pipelines else [],
            may_review=[review_build_role(build), *reviewers(self._plan, planned)],
        )
        access.add_stack_dependency(environment.foundation)

    def _before(self, planned: PlannedStage, target: Target) -> list[pipelines.Step]:
        """What happens between the stage before and the first deployment of this one."""
        settings = planned.settings
        if not settings.approval:
            if not settings.checks_permissions:
                return []
            return [self._builds.check(target, self._assembly)]
        review = self._builds.review(
            target, self._assembly, check_permissions=settings.checks_permissions
        )
        approve = pipelines.ManualApprovalStep(
            "Approve", comment=review.exported_variable(APPROVAL_TEXT)
        )
        approve.add_step_dependency(review)
        return [review, approve]

    def _after(self, planned: PlannedStage, target: Target) -> list[pipelines.Step]:
        settings = planned.settings
        if not settings.start_pipelines:
            return []
        return [self._builds.start(target, self._assembly, wait=settings.wait_for_pipelines)]

    @property
    def _assembly(self) -> pipelines.FileSet:
        made = self._synth.primary_output
        assert made is not None
        return made

    def _place(self, network: BuildNetwork | None) -> BuildPlace:
        if network is None:
            return BuildPlace()
        return DeliveryNetwork(
            self,
            "Network",
            vpc_id=network.vpc_id,
            subnet_ids=network.subnet_ids,
            security_group_ids=network.security_group_ids,
        ).place

    def _add_other_regions(self) -> dict[str, s3.IBucket]:
        """Return a bucket for each region that has a stage and is not the delivery's own."""
        own = self._plan.settings
        buckets: dict[str, s3.IBucket] = {}
        for region in sorted({stage.region for stage in self._plan.stages} - {own.region}):
            accounts = sorted({s.account for s in self._plan.stages if s.region == region})
            stack = DeliveryRegion(
                self._app_scope,
                f"{DELIVERY}-{region}",
                account=own.account,
                region=region,
                readers=[bootstrap_role_arn(account, region, "deploy") for account in accounts],
                removal_policy=RETAIN,
            )
            self.add_stack_dependency(stack)
            buckets[region] = stack.shared_bucket
        return buckets

    def _artifact_buckets(self) -> dict[str, Any]:
        """Return the buckets as the library takes them: one, or one for each region."""
        if not self._other_buckets:
            return {"artifact_bucket": self.artifacts.bucket}
        own = {self._plan.settings.region: self.artifacts.bucket}
        return {"cross_region_replication_buckets": {**own, **self._other_buckets}}


def _target(planned: PlannedStage, stage: cdk.Stage) -> Target:
    prefix = planned.deployment.stack_prefix
    role = f"arn:{partition_of(planned.region)}:iam::{planned.account}:role"
    return Target(
        name=planned.deployment.name,
        region=planned.region,
        assembly=f"{ASSEMBLY}/{stage.artifact_id}",
        review_role_arns=(
            f"{role}/{review_role_name(prefix)}",
            bootstrap_role_arn(planned.account, planned.region, "lookup"),
        ),
        start_role_arn=f"{role}/{start_role_name(prefix)}",
    )


def add_delivery(
    app: cdk.App,
    plan: DeliveryPlan,
    compiled: Mapping[str, Sequence[CompiledPipeline]],
    workspace: Path,
) -> Delivery:
    """Add the delivery with all that it deploys; versions of its tools come from package.json."""
    return Delivery(
        app,
        DELIVERY,
        plan=plan,
        compiled=compiled,
        versions=read_tool_versions(workspace),
        env=cdk.Environment(account=plan.settings.account, region=plan.settings.region),
    )
