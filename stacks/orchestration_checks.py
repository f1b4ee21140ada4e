"""What an environment needs so that its pipelines can run on Airflow, held against its settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smp.definition.triggers import AIRFLOW
from smp.errors import Location, Problem
from smp.graph import PipelineGraph
from stacks.context import CDK_JSON, SETTINGS_KEY
from stacks.network_settings import NetworkSettings
from stacks.orchestration_settings import (
    MwaaSettings,
    OrchestrationSettings,
    SelfManagedSettings,
    ServerlessSettings,
)

KINDS = "type mwaa, mwaa_serverless or self_managed"


def orchestration_problems(
    name: str,
    chosen: OrchestrationSettings | None,
    network: NetworkSettings,
    graphs: Iterable[PipelineGraph],
) -> Iterator[Problem]:
    """Yield what keeps Airflow out of an environment, and each pipeline that has nowhere to run."""
    asking = [graph for graph in graphs if AIRFLOW in graph.pipeline.config.engines]
    path = f"context.{SETTINGS_KEY}.environments.{name}.orchestration"
    if chosen is None:
        yield from (_nowhere(graph, name, path) for graph in asking)
    elif not isinstance(chosen, ServerlessSettings):
        yield from _place_problems(network, chosen, path)
        yield from _policy_problems(asking, chosen, path)


def _nowhere(graph: PipelineGraph, name: str, path: str) -> Problem:
    pipeline = graph.pipeline
    return Problem(
        f"pipeline '{graph.name}' has the target airflow and environment '{name}' has no Airflow",
        pipeline.locate("sagemakerPipeline", "targets"),
        "conf.sagemakerPipeline.targets",
        allowed=f"with {CDK_JSON}: {path} of {KINDS}",
        hint="set it (docs/orchestration.md), or take airflow out of the targets",
    )


def _place_problems(
    network: NetworkSettings, chosen: MwaaSettings | SelfManagedSettings, path: str
) -> Iterator[Problem]:
    place = Location(CDK_JSON)
    if network.subnet_ids and chosen.network is None:
        yield Problem(
            "Airflow needs to know the network that was brought along",
            place,
            f"{path}.network",
            allowed="vpcId, and subnetIds of two private subnets in two zones",
        )
    if chosen.network is not None and not network.subnet_ids:
        yield Problem(
            "is only for an existing network; this Airflow runs in the network created for jobs",
            place,
            f"{path}.network",
            hint="leave it out, or set the environment's network.subnetIds and securityGroupIds too",
        )
    wants_out = isinstance(chosen, SelfManagedSettings) or chosen.internet_egress
    if wants_out and chosen.network is None and not network.internet_egress:
        what = "installing Airflow" if isinstance(chosen, SelfManagedSettings) else "internetEgress"
        yield Problem(
            f"{what} needs internet access, and the environment has none",
            place,
            path,
            allowed="with network.internetEgress of the environment",
        )


def _policy_problems(
    asking: list[PipelineGraph], chosen: MwaaSettings | SelfManagedSettings, path: str
) -> Iterator[Problem]:
    """The role has its own policy, and one of each pipeline."""
    most = chosen.policies_per_role - 1
    if len(asking) > most:
        yield Problem(
            f"{len(asking)} pipelines have the target airflow, and each attaches a policy to one role",
            Location(CDK_JSON),
            f"{path}.policiesPerRole",
            found=str(chosen.policies_per_role),
            allowed=f"{most} pipelines",
            hint="raise IAM's quota 'Managed policies per role' and set policiesPerRole to it",
        )
