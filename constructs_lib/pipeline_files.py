"""The files that one pipeline reads from its bucket: code trees, and a definition that is too large.

It never deletes an object: a running execution or a registered model may still point to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.role_policy import RolePolicy
from smp.compiler.compiled import CODE_PREFIX, CodeTree
from smp.compiler.permissions import Statement

DEFINITION_PREFIX = "definitions"

MEBIBYTE = 1024 * 1024
GITIGNORE_SPECIAL = re.compile(r"([\\*?\[\]!# ])")


class PipelineFiles(Construct):
    """Uploads to `code/<sha256>/` and `definitions/` of the bucket, before the pipeline changes."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        code: Sequence[CodeTree],
        code_store: Path,
        definition: tuple[str, str] | None,
        environment: JobEnvironment,
        resolve: Callable[[str], str],
    ) -> None:
        """`definition` is the object's name below `definitions/` and its text.

        `resolve` puts deploy-time values into a template file of a tree.
        """
        super().__init__(scope, construct_id)
        self._environment = environment
        self._size = sum(file.size for tree in code for file in tree.files)
        self._log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=environment.key,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self._role = iam.Role(
            self,
            "Role",
            description="Copies code and definitions into the bucket of the pipelines",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self.deployments: list[s3_deployment.BucketDeployment] = []
        if code:
            self._upload("Code", CODE_PREFIX, list(_code_sources(code, code_store, resolve)))
        if definition:
            self._upload("Definition", DEFINITION_PREFIX, [s3_deployment.Source.data(*definition)])
        _acknowledge_copy_function(cdk.Stack.of(self))
        self._grant()

    def _upload(self, name: str, prefix: str, sources: Sequence[s3_deployment.ISource]) -> None:
        large = self._size > 200 * MEBIBYTE
        self.deployments.append(
            s3_deployment.BucketDeployment(
                self,
                name,
                sources=sources,
                destination_bucket=self._environment.bucket,
                destination_key_prefix=prefix,
                prune=False,
                retain_on_delete=True,
                memory_limit=_memory_mib(self._size),
                ephemeral_storage_size=cdk.Size.gibibytes(4) if large else None,
                role=self._role.without_policy_updates(),
                log_group=self._log_group,
                output_object_keys=False,
            )
        )

    def _grant(self) -> None:
        """Let the upload read exactly the assets of this stack and write below its prefixes."""
        bucket = self._environment.bucket
        prefixes = (CODE_PREFIX, DEFINITION_PREFIX)
        policy = RolePolicy(
            self,
            "Policy",
            role=self._role,
            description="Copies code and definitions into the bucket of the pipelines",
            statements=[
                Statement("ReadAssets", ["s3:GetObject"], sorted(self._assets())),
                Statement(
                    "WriteFiles",
                    ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                    [bucket.arn_for_objects(f"{prefix}/*") for prefix in prefixes],
                    wildcard="Keys below these prefixes are hashes of content.",
                ),
                Statement(
                    "ListFiles",
                    ["s3:ListBucket"],
                    [bucket.bucket_arn],
                    {"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}},
                ),
                Statement(
                    "EncryptFiles",
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    [self._environment.key.key_arn],
                ),
                Statement(
                    "WriteLogs",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [self._log_group.log_group_arn],
                    wildcard="An ARN of a log group ends in :*, which stands for its own streams.",
                ),
            ],
        )
        for deployment in self.deployments:
            deployment.node.add_dependency(policy.resource)

    def _assets(self) -> Iterator[str]:
        for deployment in self.deployments:
            for child in deployment.node.children:
                if isinstance(child, s3_assets.Asset):
                    yield child.bucket.arn_for_objects(child.s3_object_key)


def _code_sources(
    code: Sequence[CodeTree], code_store: Path, resolve: Callable[[str], str]
) -> Iterator[s3_deployment.ISource]:
    """Yield one source for all plain files, and one for each file with deploy-time values in it."""
    yield s3_deployment.Source.asset(
        str(code_store),
        exclude=_all_but(code),
        ignore_mode=cdk.IgnoreMode.GIT,
    )
    for tree in code:
        for file in tree.files:
            if file.is_template:
                text = (code_store / tree.sha256 / file.path).read_text("utf-8")
                yield s3_deployment.Source.data(f"{tree.sha256}/{file.path}", resolve(text))


def _all_but(code: Sequence[CodeTree]) -> list[str]:
    """Return the patterns that leave only the plain files of these trees in a code store."""
    patterns = ["/*"]
    for tree in sorted(code, key=lambda tree: tree.sha256):
        patterns.append(f"!/{tree.sha256}")
        patterns += [
            f"/{tree.sha256}/{_literal(file.path)}" for file in tree.files if file.is_template
        ]
    return patterns


def _literal(path: str) -> str:
    """Return a path as a pattern that matches it alone."""
    return GITIGNORE_SPECIAL.sub(r"\\\1", path)


def _memory_mib(size: int) -> int:
    """Return the memory for the copying function: more for large trees, since it also means speed."""
    return 512 if size < 20 * MEBIBYTE else 1024 if size < 100 * MEBIBYTE else 2048


def _acknowledge_copy_function(stack: cdk.Stack) -> None:
    """Accept what the CDK's own copying function, one a stack, is made of."""
    for child in stack.node.children:
        if child.node.id.startswith("Custom::CDKBucketDeployment"):
            acknowledge(
                child,
                {
                    "AwsSolutions-L1": "The CDK's own function; its runtime moves with the library.",
                    "NIST.800.53.R5-LambdaConcurrency": "It runs while a stack is deployed, once.",
                    "NIST.800.53.R5-LambdaDLQ": "CloudFormation waits for its answer and reports "
                    "a failure; there is no event to keep.",
                    "NIST.800.53.R5-LambdaInsideVPC": "It answers CloudFormation over the internet, "
                    "which the isolated subnets do not reach.",
                },
            )
