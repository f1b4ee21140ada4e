"""Where the jobs of a pipeline run and what they share: bucket, key, network, perhaps a role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from smp.definition.compiled import CompiledPipeline
from smp.errors import Problem, SetupError


@dataclass(frozen=True)
class JobEnvironment:
    """What a deployment provides to every pipeline.

    `egress_subnet_ids` are the subnets with a route to the internet; empty where there is none.
    Without `job_role` each pipeline gets its own.
    """

    bucket: s3.IBucket
    key: kms.IKey
    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]
    egress_subnet_ids: Sequence[str] = ()
    job_role: iam.IRole | None = None

    def subnets_for(self, pipeline: CompiledPipeline) -> Sequence[str]:
        """Return the subnets in which a pipeline's jobs run.

        Raises SetupError where the pipeline asks for the internet and the deployment has no way out.
        """
        if not pipeline.internet_egress:
            return self.subnet_ids
        if not self.egress_subnet_ids:
            raise SetupError(
                [
                    Problem(
                        f"pipeline '{pipeline.name}' asks for the internet "
                        "(conf.sagemakerNetworkSecurity.internet_egress) and has no way out",
                        allowed="with network.internetEgress or network.egressSubnetIds in cdk.json",
                    )
                ]
            )
        return self.egress_subnet_ids
