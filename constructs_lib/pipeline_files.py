"""The files that one pipeline needs: code trees and large definitions in its bucket, a DAG in Airflow's.

It never deletes an object of the pipeline's bucket: a running execution or a registered model may still
point to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.role_policy import RolePolicy, write_logs
from smp.definition.compiled import CODE_PREFIX, CodeTree
from smp.definition.permissions.statement import Statement
from smp.definition.reserved_prefixes import DEFINITION_PREFIX

MEBIBYTE = 1024 * 1024
UPLOAD_ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload")
SYNC_ACTIONS = (*UPLOAD_ACTIONS, "s3:DeleteObject")

GITIGNORE_SPECIAL = re.compile(r"([\\*?\[\]!# ])")


class PipelineFiles(Construct):
    """Uploads to `code/<sha256>/` and `definitions/` of the bucket, before the pipeline changes.

    The library has one copying function for all uploads of a stack: so they share a role with one
    policy for each upload.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: JobEnvironment,
        code: Sequence[CodeTree] = (),
        code_store: Path = Path(),
        definition: tuple[str, str] | None = None,
        resolve: Callable[[str], str] = str,
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
        if self.deployments:
            prefixes = (CODE_PREFIX, DEFINITION_PREFIX)
            self._allow("Policy", self.deployments, environment.bucket, prefixes, UPLOAD_ACTIONS)

    def add_definition(self, name: str, definition: tuple[str, str]) -> Construct:
        """Upload a further definition to `definitions/`; return what its readers must depend on."""
        source = s3_deployment.Source.data(*definition)
        deployment = self._upload(name, DEFINITION_PREFIX, [source])
        bucket = self._environment.bucket
        self._allow(f"{name}Policy", [deployment], bucket, [DEFINITION_PREFIX], UPLOAD_ACTIONS)
        return deployment

    def add_directory(
        self,
        name: str,
        bucket: s3.IBucket,
        prefix: str,
        files: Mapping[str, str],
        *,
        keep: bool = False,
    ) -> Construct:
        """Put texts below a prefix of another bucket; return what their readers must depend on.

        Without `keep` nothing else stays below the prefix, and with the stack all of it goes.
        """
        sources = [s3_deployment.Source.data(path, text) for path, text in sorted(files.items())]
        deployment = self._upload(name, prefix, sources, bucket=bucket, keep=keep)
        actions = UPLOAD_ACTIONS if keep else SYNC_ACTIONS
        self._allow(f"{name}Policy", [deployment], bucket, [prefix], actions)
        return deployment

    def _upload(
        self,
        name: str,
        prefix: str,
        sources: Sequence[s3_deployment.ISource],
        *,
        bucket: s3.IBucket | None = None,
        keep: bool = True,
    ) -> s3_deployment.BucketDeployment:
        large = self._size > 200 * MEBIBYTE
        deployment = s3_deployment.BucketDeployment(
            self,
            name,
            sources=sources,
            destination_bucket=bucket or self._environment.bucket,
            destination_key_prefix=prefix,
            prune=not keep,
            retain_on_delete=keep,
            memory_limit=_memory_mib(self._size),
            ephemeral_storage_size=cdk.Size.gibibytes(4) if large else None,
            role=self._role.without_policy_updates(),
            log_group=self._log_group,
            output_object_keys=False,
        )
        self.deployments.append(deployment)
        _acknowledge_copy_function(cdk.Stack.of(self))
        return deployment

    def _allow(
        self,
        name: str,
        deployments: Sequence[s3_deployment.BucketDeployment],
        bucket: s3.IBucket,
        prefixes: Sequence[str],
        actions: Sequence[str],
    ) -> None:
        """Let uploads read exactly their assets, write below their prefixes, and log."""
        policy = RolePolicy(
            self,
            name,
            role=self._role,
            description="Copies code and definitions into the bucket of the pipelines",
            statements=[
                Statement("ReadAssets", ["s3:GetObject"], sorted(_assets(deployments))),
                *_write_statements(bucket, prefixes, actions),
                Statement(
                    "EncryptFiles",
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    [self._environment.key.key_arn],
                ),
                write_logs(self._log_group),
            ],
        )
        for deployment in deployments:
            deployment.node.add_dependency(*policy.resources)


def _write_statements(
    bucket: s3.IBucket, prefixes: Sequence[str], actions: Sequence[str]
) -> Iterator[Statement]:
    """Yield what writes files below prefixes and lists them."""
    yield Statement(
        "WriteFiles",
        actions,
        [bucket.arn_for_objects(f"{prefix}/*") for prefix in prefixes],
        wildcard="Keys below these prefixes are hashes of content."
        if actions is UPLOAD_ACTIONS
        else "Only this pipeline uses objects below this prefix.",
    )
    yield Statement(
        "ListFiles",
        ["s3:ListBucket"],
        [bucket.bucket_arn],
        {"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}},
    )


def _assets(deployments: Sequence[s3_deployment.BucketDeployment]) -> Iterator[str]:
    for deployment in deployments:
        for child in deployment.node.children:
            if isinstance(child, s3_assets.Asset):
                yield child.bucket.arn_for_objects(child.s3_object_key)


def _code_sources(
    code: Sequence[CodeTree], code_store: Path, resolve: Callable[[str], str]
) -> Iterator[s3_deployment.ISource]:
    """Yield one source for all plain files, and one for each file with deploy-time values in it."""
    yield s3_deployment.Source.asset(
        str(code_store.absolute()),  # Node may have another working directory than Python
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
