"""The network of a delivery's builds, which was there before."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.delivery_builds import BuildPlace


class DeliveryNetwork(Construct):
    """Subnets and security groups by their ids; the subnets need a way to registries and to AWS."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_id: str,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=vpc_id,
            availability_zones=["unknown"],
        )
        subnets = [ec2.Subnet.from_subnet_id(self, name, name) for name in subnet_ids]
        for subnet in subnets:
            acknowledge(subnet, {"@aws-cdk/aws-ec2:noSubnetRouteTableId": "No route is asked for."})
        groups = [
            ec2.SecurityGroup.from_security_group_id(self, name, name, mutable=False)
            for name in security_group_ids
        ]
        self.place = BuildPlace(
            vpc=vpc, subnets=ec2.SubnetSelection(subnets=subnets), security_groups=groups
        )
