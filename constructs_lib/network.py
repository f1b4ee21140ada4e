"""The network in which jobs run: isolated by default, with a way out only where one is asked for."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.role_policy import RolePolicy, write_logs

ISOLATED = "Isolated"
EGRESS = "Egress"
PUBLIC = "Public"

FLOW_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")

INTERFACE_ENDPOINTS = {
    "EcrApi": "ECR",
    "EcrDocker": "ECR_DOCKER",
    "Logs": "CLOUDWATCH_LOGS",
    "Monitoring": "CLOUDWATCH_MONITORING",
    "Sts": "STS",
    "Kms": "KMS",
    "SageMakerApi": "SAGEMAKER_API",
    "SageMakerRuntime": "SAGEMAKER_RUNTIME",
}
"""What SageMaker jobs without internet call: images, logs, metrics, credentials, keys, SageMaker itself.

Names of the CDK's services: asking for one is a call to the CDK, which importing this never makes.
"""


class Network(Construct):
    """A VPC with isolated subnets in two zones, private endpoints, flow logs and the jobs' firewall.

    With `internet_egress` it has two more private subnets that reach the internet through one NAT
    gateway. The isolated subnets are the same with and without.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        internet_egress: bool = False,
        flow_log_days: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = _add_vpc(self, internet_egress)
        self.node.default_child = self.vpc.node.default_child
        self.security_group = _add_job_security_group(self, self.vpc)
        self.endpoints = _add_endpoints(self, self.vpc, self.security_group)
        _add_flow_logs(self, self.vpc, key, flow_log_days)
        self.subnet_ids = [subnet.subnet_id for subnet in self.vpc.isolated_subnets]
        self.egress_subnet_ids = [subnet.subnet_id for subnet in self.vpc.private_subnets]


def _add_vpc(scope: Network, internet_egress: bool) -> ec2.Vpc:
    vpc = ec2.Vpc(
        scope,
        "Vpc",
        ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
        availability_zones=cdk.Stack.of(scope).availability_zones[:2],
        subnet_configuration=_subnet_configuration(internet_egress),
        nat_gateways=1 if internet_egress else 0,
        restrict_default_security_group=True,
    )
    for subnet in vpc.public_subnets:
        acknowledge(
            subnet,
            {
                "NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW": "The NAT gateway is all there is in it: "
                "the way out that a setting asked for, with no way in.",
            },
        )
    _name(vpc)
    return vpc


def _subnet_configuration(internet_egress: bool) -> list[ec2.SubnetConfiguration]:
    """Return the isolated subnets, with a way out those that have it too. Their order decides addresses."""
    isolated = ec2.SubnetConfiguration(
        name=ISOLATED, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=20
    )
    way_out = [
        ec2.SubnetConfiguration(
            name=EGRESS, subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20
        ),
        ec2.SubnetConfiguration(
            name=PUBLIC,
            subnet_type=ec2.SubnetType.PUBLIC,
            cidr_mask=26,
            map_public_ip_on_launch=False,
        ),
    ]
    return [isolated, *way_out] if internet_egress else [isolated]


def _name(vpc: ec2.Vpc) -> None:
    """Name the network after its stack alone, so that a stage of a delivery has it under no other."""
    stack = cdk.Stack.of(vpc)
    for construct in (vpc, *vpc.isolated_subnets, *vpc.private_subnets, *vpc.public_subnets):
        inside = construct.node.path.removeprefix(f"{stack.node.path}/")
        name = f"{stack.node.id}/{inside}"
        cdk.Tags.of(construct).add("Name", name, priority=200 + inside.count("/"))


def _add_job_security_group(scope: Network, vpc: ec2.Vpc) -> ec2.SecurityGroup:
    """Rules between groups are separate resources: the library derives their ids from the stack's path."""
    group = ec2.SecurityGroup(
        scope,
        "JobSecurityGroup",
        vpc=vpc,
        description="SageMaker jobs: hosts of one job talk to each other, HTTPS to endpoints",
        allow_all_outbound=False,
    )
    group.add_egress_rule(
        ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS to endpoints; routes decide what else"
    )
    hosts: dict[str, Any] = {
        "group_id": group.security_group_id,
        "ip_protocol": "-1",
        "description": "Hosts of one job",
    }
    hosts_in = ec2.CfnSecurityGroupIngress(
        scope, "HostsIn", source_security_group_id=group.security_group_id, **hosts
    )
    ec2.CfnSecurityGroupEgress(
        scope, "HostsOut", destination_security_group_id=group.security_group_id, **hosts
    )
    acknowledge(
        hosts_in,
        {
            "NIST.800.53.R5-EC2RestrictedCommonPorts": "Hosts of one distributed job talk on ports "
            "that their framework picks; the rule admits the group itself and nobody else.",
        },
    )
    return group


def _add_endpoints(scope: Network, vpc: ec2.Vpc, jobs: ec2.SecurityGroup) -> ec2.SecurityGroup:
    """Return the firewall of the private endpoints."""
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    endpoints = ec2.SecurityGroup(
        scope,
        "EndpointSecurityGroup",
        vpc=vpc,
        description="Private endpoints: HTTPS from the jobs",
        allow_all_outbound=False,
    )
    ec2.CfnSecurityGroupIngress(
        scope,
        "JobsIn",
        group_id=endpoints.security_group_id,
        source_security_group_id=jobs.security_group_id,
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        description="HTTPS from the jobs",
    )
    for name, service in INTERFACE_ENDPOINTS.items():
        vpc.add_interface_endpoint(
            name,
            service=getattr(ec2.InterfaceVpcEndpointAwsService, service),
            open=False,
            security_groups=[endpoints],
            subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        )
    return endpoints


def _add_flow_logs(
    scope: Network, vpc: ec2.Vpc, key: kms.IKey, retention: logs.RetentionDays
) -> None:
    group = logs.LogGroup(
        scope,
        "FlowLogs",
        encryption_key=key,
        retention=retention,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    role, policy = _add_flow_log_role(scope, group)
    flow_log = ec2.CfnFlowLog(
        scope,
        "FlowLog",
        resource_id=vpc.vpc_id,
        resource_type="VPC",
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_group_name=group.log_group_name,
        deliver_logs_permission_arn=role.role_arn,
    )
    flow_log.node.add_dependency(*policy.resources)


def _add_flow_log_role(scope: Network, group: logs.LogGroup) -> tuple[iam.Role, RolePolicy]:
    """Return the role that writes flow logs, and its policy."""
    role = iam.Role(
        scope,
        "FlowLogRole",
        assumed_by=iam.ServicePrincipal(
            "vpc-flow-logs.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}},
        ),
    )
    policy = RolePolicy(
        scope,
        "FlowLogPolicy",
        role=role,
        description="VPC flow logs: write to their log group",
        statements=[write_logs(group, "WriteFlowLogs", FLOW_LOG_ACTIONS)],
    )
    return role, policy
