"""Optional parts of a delivery: notices, and checks of pull requests."""

from __future__ import annotations

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.bootstrap import partition_of
from constructs_lib.delivery_builds import ROLE_PREFIX
from constructs_lib.delivery_notifications import DeliveryNotifications, SlackChannel
from constructs_lib.github_actions_role import GithubActionsRole
from constructs_lib.pull_request_builds import BuildNetwork
from constructs_lib.pull_request_checks import PullRequestChecks, ReviewTarget
from constructs_lib.pull_request_gateway import ConnectedRepository
from stacks.delivery_access import review_role_name
from stacks.delivery_plan import DeliveryPlan, PlannedStage, is_watched
from stacks.delivery_settings import ConnectionSource, DeliverySettings
from stacks.delivery_sources import Settings

CHECKING_BUILD = f"{ROLE_PREFIX}PullRequests"
CHECKING_WORKFLOW = f"{ROLE_PREFIX}GithubActions"


def reviewers(plan: DeliveryPlan, stage: PlannedStage) -> list[str]:
    """Return the names of the roles, other than its review's role, that compare with this stage."""
    checks = plan.settings.pull_requests
    if checks is None or _compared_stage(plan) != stage:
        return []
    names = [CHECKING_BUILD] if checks.allowed_actors else []
    return [*names, CHECKING_WORKFLOW] if checks.github_actions else names


def add_notices(
    scope: Construct, plan: DeliveryPlan, pipeline: codepipeline.IPipeline, key: kms.IKey
) -> None:
    """Notify the addresses of the settings of failures and pending approvals."""
    notices, own = plan.settings.notifications, plan.settings
    if not notices.emails and notices.slack is None:
        return
    slack = notices.slack
    DeliveryNotifications(
        scope,
        "Notices",
        pipeline=pipeline,
        key=key,
        emails=notices.emails,
        slack=SlackChannel(slack.workspace_id, slack.channel_id) if slack else None,
        watch_executions=any(
            (stage.account, stage.region) == (own.account, own.region) for stage in plan.stages
        ),
    )


def add_checks(
    scope: Construct,
    plan: DeliveryPlan,
    *,
    handover: s3.IBucket,
    key: kms.IKey,
    retention: logs.RetentionDays,
) -> None:
    """Check pull requests, in CodeBuild or on GitHub, as the settings ask."""
    checks = plan.settings.pull_requests
    if checks is None:
        return
    stage = _compared_stage(plan)
    target = ReviewTarget(_review_role_arn(stage), stage.region, stage.deployment.name)
    if checks.allowed_actors:
        PullRequestChecks(
            scope,
            "PullRequests",
            app=_connected(plan.settings.repository),
            models=_connected_models(plan.settings),
            allowed_actors=checks.allowed_actors,
            handover=handover,
            key=key,
            review=target,
            review_role_name=CHECKING_BUILD,
            smoke_run=checks.smoke_run,
            timeout_minutes=checks.timeout_minutes,
            concurrent_builds=checks.concurrent_builds,
            log_retention=retention,
            network=_network(plan.settings),
        )
    if checks.github_actions:
        GithubActionsRole(
            scope,
            "GithubActions",
            role_name=CHECKING_WORKFLOW,
            repositories=checks.github_actions.repositories,
            provider_arn=checks.github_actions.provider_arn,
            review_role_arn=target.role_arn,
        )


def _review_role_arn(stage: PlannedStage) -> str:
    name = review_role_name(stage.deployment.stack_prefix)
    return f"arn:{partition_of(stage.region)}:iam::{stage.account}:role/{name}"


def _compared_stage(plan: DeliveryPlan) -> PlannedStage:
    checks = plan.settings.pull_requests
    name = checks.environment if checks else None
    return next((stage for stage in plan.stages if stage.deployment.name == name), plan.stages[0])


def _connected_models(settings: DeliverySettings) -> dict[str, ConnectedRepository]:
    """Return the model repositories whose pull requests are checked."""
    return {
        name: _connected(source) for name, source in settings.models.items() if is_watched(source)
    }


def _connected(source: Settings) -> ConnectedRepository:
    assert isinstance(source, ConnectionSource)
    assert source.provider != "selfManaged"
    return ConnectedRepository(
        source.connection_arn, source.provider, source.repository, source.branch
    )


def _network(settings: DeliverySettings) -> BuildNetwork | None:
    network = settings.network
    if network is None:
        return None
    return BuildNetwork(network.vpc_id, network.subnet_ids, network.security_group_ids)
