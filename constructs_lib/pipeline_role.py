"""The role with which SageMaker runs one pipeline: it starts jobs, and hands them their role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.job_environment import JobEnvironment
from constructs_lib.role_policy import RolePolicy, Statement
from smp.compiler.access import Access
from smp.errors import Problem, SetupError

JOB_NAMES = "pipelines-*"
"""SageMaker Pipelines begins the names of what its steps create with `pipelines-`."""


def _job(kind: str, resource: str) -> tuple[str, Sequence[str]]:
    actions = (f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop"))
    return f"{resource}/{JOB_NAMES}", ("sagemaker:AddTags", *actions)


PROCESSING = _job("ProcessingJob", "processing-job")

STEP_RESOURCES: dict[str, tuple[str, Sequence[str]] | None] = {
    "Processing": PROCESSING,
    "ClarifyCheck": PROCESSING,
    "QualityCheck": PROCESSING,
    "Training": _job("TrainingJob", "training-job"),
    "Transform": _job("TransformJob", "transform-job"),
    "Model": (
        f"model/{JOB_NAMES}",
        ("sagemaker:AddTags", "sagemaker:CreateModel", "sagemaker:DescribeModel"),
    ),
    "Tuning": (
        "hyper-parameter-tuning-job/*",
        (
            "sagemaker:AddTags",
            "sagemaker:CreateHyperParameterTuningJob",
            "sagemaker:DescribeHyperParameterTuningJob",
            "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
            "sagemaker:StopHyperParameterTuningJob",
        ),
    ),
    "Condition": None,
    "Fail": None,
    "Lambda": None,
    "RegisterModel": None,
}
"""What a step of each type creates, and what is done with it; None: nothing of the kind."""


class PipelineRole(Construct):
    """What running the steps of a pipeline needs, by the types of its steps."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        access: Access,
        environment: JobEnvironment,
        groups: Sequence[str],
        resolve: Callable[[str], str],
    ) -> None:
        """`groups` are the names of the model package groups that its steps register into.

        Raises SetupError for a step type whose permissions are not known here.
        """
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        _refuse_unknown(pipeline_name, access)
        self.role = iam.Role(
            self,
            "Role",
            description=f"Runs pipeline {pipeline_name}"[:1000],
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
        )
        self.policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description=f"Runs pipeline {pipeline_name}"[:1000],
            statements=[
                *_jobs(access, stack),
                *_registration(groups, stack),
                *_results(access, environment, resolve, stack),
                Statement(
                    "PassJobRole",
                    ["iam:PassRole"],
                    [resolve(role) for role in access.roles],
                    {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
                Statement("CallFunctions", ["lambda:InvokeFunction"], access.functions),
            ],
        )


def _refuse_unknown(pipeline_name: str, access: Access) -> None:
    unknown = sorted(access.step_types - set(STEP_RESOURCES))
    if unknown:
        raise SetupError(
            [
                Problem(
                    f"pipeline '{pipeline_name}': the permissions of step type '{kind}' are not known",
                    allowed=", ".join(STEP_RESOURCES),
                    hint="pass a pipeline_role of your own to SageMakerPipeline",
                )
                for kind in unknown
            ]
        )


def _jobs(access: Access, stack: cdk.Stack) -> Iterator[Statement]:
    created = {STEP_RESOURCES[kind] for kind in access.step_types} - {None}
    for resource, actions in sorted(item for item in created if item):
        name = "".join(part.title() for part in resource.partition("/")[0].split("-"))
        yield Statement(
            f"Run{name}s",
            actions,
            [f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}:{resource}"],
            wildcard="Each execution names its jobs and models anew.",
        )


def _registration(groups: Sequence[str], stack: cdk.Stack) -> Iterator[Statement]:
    """Add versions to the pipeline's own groups. ARNs of the registry may be in lower case."""
    arn = f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}"
    names = sorted({spelling for group in groups for spelling in (group, group.lower())})
    yield Statement(
        "RegisterModels",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModelPackage",
            "sagemaker:DescribeModelPackage",
            "sagemaker:DescribeModelPackageGroup",
        ],
        [
            *(f"{arn}:model-package-group/{name}" for name in names),
            *(f"{arn}:model-package/{name}/*" for name in names),
        ],
        wildcard="The registry numbers the versions of a group.",
    )


def _results(
    access: Access, environment: JobEnvironment, resolve: Callable[[str], str], stack: cdk.Stack
) -> Iterator[Statement]:
    if not access.reads_results:
        return
    written = [resolve(uri).removeprefix("s3://") for uri in access.writes]
    yield Statement(
        "ReadResults",
        ["s3:GetObject"],
        [f"arn:{stack.partition}:s3:::{prefix}*" for prefix in written],
        wildcard="Metrics and models lie below the prefix in the definition, by execution.",
    )
    yield Statement(
        "DecryptResults",
        ["kms:Decrypt"],
        sorted({environment.key.key_arn, *(resolve(key) for key in access.kms_keys)}),
        {"StringEquals": {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"}},
    )
