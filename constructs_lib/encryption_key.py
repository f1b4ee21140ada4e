"""The key that encrypts data, volumes, outputs and logs."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class EncryptionKey(Construct):
    """A customer managed key with rotation, which CloudWatch Logs of this account may use too."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        removal_policy: cdk.RemovalPolicy,
        description: str = "Data, volumes, outputs and logs of SageMaker pipelines",
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.key = kms.Key(
            self,
            "Key",
            description=description,
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.node.default_child = self.key.node.default_child
        logs_arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EncryptLogGroupsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=[
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:DescribeKey",
                ],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs_arn}},
            )
        )

    def serve_event_rules(self) -> None:
        """Let event rules put what they could not deliver into encrypted queues.

        Without conditions, as the EventBridge guide requires it: with them, undelivered events are lost
        silently. The policy of each queue names the rules that may write to it.
        """
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EncryptDeadLettersOfRules",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
            )
        )

    def serve_log_delivery(self) -> None:
        """Let logs of encrypted state machines of this account be delivered to encrypted groups."""
        stack = cdk.Stack.of(self)
        logs = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DecryptLogsOfStateMachinesOfThisAccount",
                principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
                actions=["kms:Decrypt"],
                resources=["*"],
                conditions={
                    "ArnLike": {"aws:SourceArn": logs},
                    "StringEquals": {"aws:SourceAccount": stack.account},
                },
            )
        )
