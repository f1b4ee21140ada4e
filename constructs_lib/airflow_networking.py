"""The subnets and security groups of an Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge


@dataclass(frozen=True)
class AirflowNetworking:
    """A network's id, two private subnets in two zones, and two without a way out.

    `endpoints_group_id` is the firewall of the network's private endpoints; None where the network was
    brought along and its owner lets Airflow in.
    """

    vpc_id: str
    subnet_ids: Sequence[str]
    isolated_subnet_ids: Sequence[str]
    endpoints_group_id: str | None = None


class Firewall(Construct):
    """A security group that nobody enters from outside: HTTPS goes out, and members reach each other."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        place: AirflowNetworking,
        description: str,
        members_meet: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.group = ec2.CfnSecurityGroup(
            self,
            "Group",
            group_description=description,
            vpc_id=place.vpc_id,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    cidr_ip="0.0.0.0/0",
                    description="HTTPS; routes decide where to",
                )
            ],
        )
        self.node.default_child = self.group
        self.group_id = self.group.attr_group_id
        if members_meet:
            self._let_members_meet()
        if place.endpoints_group_id is not None:
            ec2.CfnSecurityGroupIngress(
                self,
                "ToEndpoints",
                group_id=place.endpoints_group_id,
                source_security_group_id=self.group_id,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                description=description,
            )

    def let_in(self, construct_id: str, other: Firewall, port: int, why: str) -> None:
        """Let members of another group reach the members of this one at a port, and nowhere else."""
        between: dict[str, Any] = {
            "ip_protocol": "tcp",
            "from_port": port,
            "to_port": port,
            "description": why,
        }
        ec2.CfnSecurityGroupIngress(
            self,
            f"{construct_id}In",
            group_id=self.group_id,
            source_security_group_id=other.group_id,
            **between,
        )
        ec2.CfnSecurityGroupEgress(
            other,
            f"{construct_id}Out",
            group_id=other.group_id,
            destination_security_group_id=self.group_id,
            **between,
        )

    def _let_members_meet(self) -> None:
        meeting: dict[str, Any] = {
            "group_id": self.group_id,
            "ip_protocol": "-1",
            "description": "Parts of one Airflow",
        }
        members_in = ec2.CfnSecurityGroupIngress(
            self, "MembersIn", source_security_group_id=self.group_id, **meeting
        )
        ec2.CfnSecurityGroupEgress(
            self, "MembersOut", destination_security_group_id=self.group_id, **meeting
        )
        acknowledge(
            members_in,
            {
                "NIST.800.53.R5-EC2RestrictedCommonPorts": "The service requires a group that admits "
                "itself at all ports (Amazon MWAA, security in the network); it admits nobody else.",
            },
        )


def add_endpoints(scope: Construct, place: AirflowNetworking, services: Iterable[str]) -> list[str]:
    """Add private endpoints in a network that the app created; return the names of the services.

    `services` are names of the CDK's `InterfaceVpcEndpointAwsService`.
    """
    added: list[str] = []
    if place.endpoints_group_id is None:
        return added
    for service in services:
        name = getattr(ec2.InterfaceVpcEndpointAwsService, service).name
        ec2.CfnVPCEndpoint(
            scope,
            f"Endpoint{''.join(part.title() for part in service.split('_'))}",
            vpc_endpoint_type="Interface",
            service_name=name,
            vpc_id=place.vpc_id,
            subnet_ids=list(place.isolated_subnet_ids),
            security_group_ids=[place.endpoints_group_id],
            private_dns_enabled=True,
        )
        added.append(service)
    return added


def environment_arn(scope: Construct, name: str) -> str:
    """Return the ARN of a managed environment by its name."""
    return cdk.Stack.of(scope).format_arn(
        service="airflow", resource="environment", resource_name=name
    )
