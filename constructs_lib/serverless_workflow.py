"""One pipeline as a workflow of Amazon MWAA Serverless: definition in the bucket, role, logs, key."""

from __future__ import annotations

import json
from collections.abc import Sequence

import aws_cdk as cdk
import yaml
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_mwaaserverless as serverless
from constructs import Construct

from constructs_lib.definition_text import content_name, plain_text
from constructs_lib.pipeline_basis import PipelineBasis
from constructs_lib.role_policy import RolePolicy, write_logs
from smp.definition.deploy_values import substitute
from smp.definition.permissions.statement import Statement
from smp.definition.reserved_prefixes import DEFINITION_PREFIX
from smp.export.airflow import render_serverless, serverless_permissions


class ServerlessWorkflow(Construct):
    """A workflow of the pipeline's name that follows its definition: another content is another object."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        basis: PipelineBasis,
        retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    ) -> None:
        """`basis` is that of the SageMaker pipeline, or made for the workflow alone.

        Raises ExportError for a pipeline that MWAA Serverless cannot run.
        """
        super().__init__(scope, construct_id)
        self._basis = basis
        self._stack = cdk.Stack.of(self)
        log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=basis.environment.key,
            retention=retention,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.role = self._add_role()
        text = self._text(render_serverless(basis.compiled))
        name = content_name(self._stack, text, ".yaml")
        key = f"{DEFINITION_PREFIX}/{name}"
        policy = self._add_policy(serverless_permissions(basis.compiled), key, log_group)
        uploaded = basis.files.add_definition("ServerlessWorkflow", (name, text))
        self.resource = self._add_resource(key, log_group)
        self.resource.node.add_dependency(*basis.needed_first, *policy.resources, uploaded)

    @property
    def workflow_arn(self) -> str:
        return self.resource.attr_workflow_arn

    def grant_start_run(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to start runs of the workflow."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["airflow-serverless:StartWorkflowRun"],
            resource_arns=[self.workflow_arn],
        )

    def _add_resource(self, key: str, log_group: logs.LogGroup) -> serverless.CfnWorkflow:
        """Return the workflow; `key` is that of its definition in the bucket."""
        compiled, environment = self._basis.compiled, self._basis.environment
        return serverless.CfnWorkflow(
            self,
            "Resource",
            name=compiled.name,
            description=plain_text(compiled.description),
            role_arn=self.role.role_arn,
            definition_s3_location={
                "bucket": environment.bucket.bucket_name,
                "objectKey": key,
            },
            encryption_configuration={
                "type": "CUSTOMER_MANAGED_KEY",
                "kmsKeyId": environment.key.key_arn,
            },
            logging_configuration={"logGroupName": log_group.log_group_name},
            tags=dict(compiled.tags) or None,
        )

    def _text(self, definition: str) -> str:
        """Return the definition with its values. JSON is YAML, and leaves nothing to be guessed."""
        resolved = substitute(yaml.safe_load(definition), self._basis.resolve)
        return json.dumps(resolved, ensure_ascii=False, indent=2) + "\n"

    def _add_role(self) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            description=f"Runs pipeline {self._basis.compiled.name} on Airflow"[:1000],
            assumed_by=iam.ServicePrincipal(
                "airflow-serverless.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self._stack.account}},
            ),
        )

    def _add_policy(
        self, statements: Sequence[Statement], key: str, log_group: logs.LogGroup
    ) -> RolePolicy:
        environment = self._basis.environment
        return RolePolicy(
            self,
            "Policy",
            role=self.role,
            description=f"Steps of pipeline {self._basis.compiled.name} on Airflow"[:1000],
            statements=[
                *(statement.resolved(self._basis.resolve) for statement in statements),
                Statement(
                    "ReadDefinition", ["s3:GetObject"], [environment.bucket.arn_for_objects(key)]
                ),
                Statement(
                    "EncryptRuns",
                    ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                    [environment.key.key_arn],
                ),
                write_logs(log_group, "WriteRunLogs"),
            ],
        )
