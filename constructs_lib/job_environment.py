"""What the jobs of a pipeline share: bucket, key, network and optionally a role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from smp.definition.compiled import CompiledPipeline
from smp.errors import Problem, SetupError

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2


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

    @classmethod
    def in_subnets(
        cls,
        subnets: Sequence[ec2.ISubnet],
        *,
        bucket: s3.IBucket,
        key: kms.IKey,
        security_groups: Sequence[ec2.ISecurityGroup],
        egress_subnets: Sequence[ec2.ISubnet] = (),
        job_role: iam.IRole | None = None,
    ) -> JobEnvironment:
        """Return an environment in subnets of the CDK, such as `vpc.isolated_subnets`."""
        return cls(
            bucket=bucket,
            key=key,
            subnet_ids=[subnet.subnet_id for subnet in subnets],
            security_group_ids=[group.security_group_id for group in security_groups],
            egress_subnet_ids=[subnet.subnet_id for subnet in egress_subnets],
            job_role=job_role,
        )

    def grant_read(self, grantee: iam.IGrantable, objects: str = "*") -> iam.Grant:
        """Allow to read data, results and models, and to decrypt them; `objects` is a pattern of keys.

        The bucket may be imported, and then it does not know its key: its own grant would do half.
        """
        return self.bucket.grant_read(grantee, objects).combine(self.key.grant_decrypt(grantee))

    def grant_write(self, grantee: iam.IGrantable, objects: str = "*") -> iam.Grant:
        """Allow to put data that jobs read, and to encrypt it; `objects` is a pattern of keys."""
        put = self.bucket.grant_put(grantee, objects)
        # An upload in several parts decrypts the parts that came before.
        return put.combine(self.key.grant_encrypt_decrypt(grantee))

    def subnets_for(self, pipeline: CompiledPipeline) -> Sequence[str]:
        """Return the subnets in which a pipeline's jobs run.

        Raises SetupError if the pipeline needs internet access and the deployment has none.
        """
        if not pipeline.internet_egress:
            return self.subnet_ids
        if not self.egress_subnet_ids:
            raise SetupError(
                [
                    Problem(
                        f"pipeline '{pipeline.name}' needs internet access "
                        "(conf.sagemakerNetworkSecurity.internet_egress) and the deployment has none",
                        allowed="with network.internetEgress or network.egressSubnetIds in cdk.json",
                    )
                ]
            )
        return self.egress_subnet_ids
