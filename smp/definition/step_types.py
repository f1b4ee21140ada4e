"""The types of steps that a definition holds, one row for each: its call, its cache, its costs, its icon.

A step *type* is what the service runs; a step *class* is what a person writes (`smp.graph.step_classes`).
How an engine runs a type is in that engine's own table, which has an entry for every row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from smp.definition import functions
from smp.definition.compiled import Json
from smp.definition.functions import Function
from smp.definition.notebook_jobs import is_notebook_job

Billing = Literal["training", "processing", "transform", "other"]
"""The kind of instance-hours in a price list; `other` is what no list of instance-hours prices."""

LONGEST_NAME = 63
JOB_NAMES = "pipelines-*"
"""SageMaker Pipelines begins the names of what its steps create with `pipelines-`."""


@dataclass(frozen=True)
class ServiceCall:
    """The call of SageMaker's API that a step makes. All names are the API's own (botocore 1.44.5)."""

    operation: str
    describe: str
    """Its answer is what the step's properties are read from."""
    resource: str
    """What precedes the name in the ARN of what it creates."""
    name_member: str | None = None
    """The member of the request that names what is created; None where the service numbers it."""
    longest_name: int = LONGEST_NAME
    names: str = JOB_NAMES
    """What the names match that SageMaker Pipelines gives."""
    answer: str | None = None
    """The one property that later steps read where there is no job to wait for."""
    stop: str | None = None
    """What ends its job early; None where no job runs."""
    log_group: str | None = None
    """The log group of its job."""
    further: tuple[str, ...] = ()
    """Other operations that following it takes."""

    @property
    def is_job(self) -> bool:
        """Whether it starts a job, which has to be waited for and can fail."""
        return self.stop is not None

    @property
    def actions(self) -> tuple[str, ...]:
        """The IAM actions of a role that makes, follows and stops it."""
        operations = ("AddTags", self.operation, self.describe, self.stop, *self.further)
        return tuple(sorted(f"sagemaker:{operation}" for operation in operations if operation))


@dataclass(frozen=True)
class RequestPart:
    """A member of a step's arguments that is a request to another service than SageMaker."""

    service: str
    operation: str
    filled_in: tuple[str, ...] = ()
    """Required members that SageMaker adds."""


@dataclass(frozen=True)
class StepType:
    """One row."""

    name: str
    """What a person reads. It is the `Type` in a definition, except for the forms of a type below."""
    icon: str
    """A path in a square of 16 units, drawn in outline."""
    form_of: str | None = None
    """The `Type` in a definition, if the name is another: steps of that type which `is_form` picks."""
    is_form: Callable[[Json], bool] | None = None
    function: Function | None = None
    """The function of this project that it calls."""
    call: ServiceCall | None = None
    parts: Mapping[str, RequestPart] = field(default_factory=dict, hash=False)
    cached_by: tuple[str, ...] = ()
    """The arguments that its cached result depends on; a step without any always runs.

    Source: "Default cache key attributes by pipeline step type" in the SageMaker developer guide.
    """
    billed_as: Billing | None = None
    """The instance-hours that it takes; None where it takes none."""
    metadata: str | None = None
    """The member of `PipelineExecutionStepMetadata` that an execution describes it in."""
    is_external: bool = False
    """Whether its arguments are what their author hands to something outside SageMaker."""
    has_own_role: bool = False
    """Whether its work is done with permissions that are not those of the job role."""
    is_read: bool = True
    """Whether a later step can read a property of it."""
    compares_baselines: bool = False
    """Whether it compares with a baseline."""


LOGS_OF_TRAINING = "/aws/sagemaker/TrainingJobs"

PROCESSING_JOB = ServiceCall(
    "CreateProcessingJob",
    "DescribeProcessingJob",
    "processing-job",
    "ProcessingJobName",
    stop="StopProcessingJob",
    log_group="/aws/sagemaker/ProcessingJobs",
)
TRAINING_JOB = ServiceCall(
    "CreateTrainingJob",
    "DescribeTrainingJob",
    "training-job",
    "TrainingJobName",
    stop="StopTrainingJob",
    log_group=LOGS_OF_TRAINING,
)
TUNING_JOB = ServiceCall(
    "CreateHyperParameterTuningJob",
    "DescribeHyperParameterTuningJob",
    "hyper-parameter-tuning-job",
    "HyperParameterTuningJobName",
    longest_name=32,
    names="*",
    stop="StopHyperParameterTuningJob",
    log_group=LOGS_OF_TRAINING,
    further=("ListTrainingJobsForHyperParameterTuningJob",),
)
TRANSFORM_JOB = ServiceCall(
    "CreateTransformJob",
    "DescribeTransformJob",
    "transform-job",
    "TransformJobName",
    stop="StopTransformJob",
    log_group="/aws/sagemaker/TransformJobs",
)

PROCESSING = StepType(
    "Processing",
    "M2 4h12M4.5 8h7M6.5 12h3",
    call=PROCESSING_JOB,
    cached_by=("AppSpecification", "Environment", "ProcessingInputs"),
    billed_as="processing",
    metadata="ProcessingJob",
)
TRAINING = StepType(
    "Training",
    "M2 13l4-4.5 3 2.5 5-7M10.5 4H14v3.5",
    call=TRAINING_JOB,
    cached_by=(
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    billed_as="training",
    metadata="TrainingJob",
)
NOTEBOOK_JOB = replace(
    TRAINING,
    name="NotebookJob",
    icon="M4 2h9v12H4zM2.5 4.5h3M2.5 8h3M2.5 11.5h3M7.5 6h3.5M7.5 9h3.5",
    form_of="Training",
    is_form=is_notebook_job,
)
TUNING = StepType(
    "Tuning",
    "M2 5h5M11 5h3M9 3v4M2 11h2M8 11h6M6 9v4",
    call=TUNING_JOB,
    cached_by=("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    billed_as="training",
    metadata="TuningJob",
)
TRANSFORM = StepType(
    "Transform",
    "M2 5.5h11M10.5 3L13 5.5 10.5 8M14 11H3M5.5 8.5L3 11l2.5 2.5",
    call=TRANSFORM_JOB,
    cached_by=("DataProcessing", "Environment", "ModelName", "TransformInput"),
    billed_as="transform",
    metadata="TransformJob",
)
MODEL = StepType(
    "Model",
    "M8 1.5l5.5 3.2v6.6L8 14.5l-5.5-3.2V4.7zM2.5 4.7L8 8l5.5-3.3M8 8v6.5",
    call=ServiceCall("CreateModel", "DescribeModel", "model", "ModelName", answer="ModelName"),
    metadata="Model",
)
REGISTER_MODEL = StepType(
    "RegisterModel",
    "M3 2h6.5L14 6.5v7.5H3zM5.8 9.6l1.8 1.8 3.4-3.6",
    call=ServiceCall(
        "CreateModelPackage", "DescribeModelPackage", "model-package", answer="ModelPackageArn"
    ),
    metadata="RegisterModel",
)
QUALITY_CHECK = StepType(
    "QualityCheck",
    "M2.5 8.5l3.5 3.5 7.5-8M2.5 14h11",
    call=PROCESSING_JOB,
    billed_as="processing",
    metadata="QualityCheck",
    compares_baselines=True,
)
CLARIFY_CHECK = StepType(
    "ClarifyCheck",
    "M8 2v12M4.5 14h7M3 4h10M3 4L1.2 9h3.6zM13 4l-1.8 5h3.6z",
    call=PROCESSING_JOB,
    billed_as="processing",
    metadata="ClarifyCheck",
    compares_baselines=True,
)
CONDITION = StepType(
    "Condition", "M8 1.5L14.5 8 8 14.5 1.5 8z", metadata="Condition", is_read=False
)
FAIL = StepType("Fail", "M3.5 3.5l9 9M12.5 3.5l-9 9", metadata="Fail", is_read=False)
FOR_EACH = StepType(
    "ForEach",
    "M3 8a5 5 0 0 1 9-3M13 8a5 5 0 0 1-9 3M12 1.8V5H8.8M4 14.2V11h3.2",
    metadata="ForEach",
)
LAMBDA = StepType(
    "Lambda",
    "M3.5 2.5h2.7l6 11h1.8M6.9 6.6L3 13.5",
    metadata="Lambda",
    is_external=True,
    has_own_role=True,
)
APPROVED_MODEL = replace(
    LAMBDA,
    name="ApprovedModel",
    icon="M7 2a5 5 0 1 1 0 10a5 5 0 0 1 0-10M10.6 10.6L14.5 14.5M4.8 7l1.6 1.6 2.9-3.2",
    form_of="Lambda",
    is_form=functions.APPROVED_MODEL.is_called_by,
    function=functions.APPROVED_MODEL,
)
DELETE_MODEL = replace(
    LAMBDA,
    name="DeleteModel",
    icon="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9.5h5.8l.6-9.5M7 7.5v4M9 7.5v4",
    form_of="Lambda",
    is_form=functions.DELETE_MODEL.is_called_by,
    function=functions.DELETE_MODEL,
)
CALLBACK = StepType(
    "Callback",
    "M2 3.5h12v8H8.5L5 14v-2.5H2z",
    metadata="Callback",
    is_external=True,
    has_own_role=True,
)
EMR_SERVERLESS = StepType(
    "EMRServerless",
    "M9 1.5L3.5 9H7l-1 5.5L12.5 7H9z",
    parts={
        "JobConfig": RequestPart(
            "emr-serverless", "StartJobRun", filled_in=("applicationId", "clientToken")
        ),
        "ApplicationConfig": RequestPart(
            "emr-serverless", "CreateApplication", filled_in=("clientToken",)
        ),
    },
    billed_as="other",
    metadata="EMRServerless",
    has_own_role=True,
    is_read=False,
)

STEP_TYPES: Mapping[str, StepType] = {
    row.name: row
    for row in (
        PROCESSING,
        TRAINING,
        NOTEBOOK_JOB,
        TRANSFORM,
        TUNING,
        MODEL,
        REGISTER_MODEL,
        QUALITY_CHECK,
        CLARIFY_CHECK,
        CONDITION,
        FAIL,
        FOR_EACH,
        LAMBDA,
        APPROVED_MODEL,
        DELETE_MODEL,
        CALLBACK,
        EMR_SERVERLESS,
    )
}
"""Every type that a configuration can bring about, by its name."""

CALLS = tuple(dict.fromkeys(row.call for row in STEP_TYPES.values() if row.call))
"""Every call of SageMaker's API that steps make."""

KNOWN_TYPES = tuple(dict.fromkeys(row.form_of or row.name for row in STEP_TYPES.values()))
"""The values of `Type` that have a row."""

FOREIGN_ICON = "M3 3h10v10H3z"


def row_named(name: str) -> StepType:
    """Return the row of a name.

    A pipeline of somebody else's may hold steps of further types: of these nothing is known but that they
    may cost something.
    """
    return STEP_TYPES.get(name) or StepType(name, FOREIGN_ICON, billed_as="other")


def row_of(step: Json) -> StepType:
    """Return the row of a step of a definition."""
    for row in STEP_TYPES.values():
        if row.form_of == step["Type"] and row.is_form and row.is_form(step):
            return row
    return row_named(step["Type"])


def row_of_metadata(member: str | None) -> StepType | None:
    """Return the row of a step of an execution, by the member that its metadata are in."""
    return next((row for row in STEP_TYPES.values() if row.metadata == member), None)


@dataclass(frozen=True)
class Refused:
    """An engine's entry for a type of step that it cannot run."""

    reason: str
    """What the engine lacks, in words that follow "cannot express" or "cannot run"."""
    instead: str
    """What to do about it."""


TUNED_ATTRIBUTES = (
    "AlgorithmSpecification",
    "HyperParameterRanges",
    "InputDataConfig",
    "StaticHyperParameters",
    "TuningObjective",
)
"""The attributes of a tuning step's TrainingJobDefinition that count for its cache."""

_UNITS = {"y": 365 * 86400, "m": 30 * 86400, "w": 7 * 86400, "d": 86400}
_TIME_UNITS = {"h": 3600, "m": 60, "s": 1}


def key_attributes(step_type: str, arguments: Json) -> Json:
    """Return the part of a step's arguments that its cache key is made of."""
    counting = row_named(step_type).cached_by
    chosen = {name: arguments[name] for name in counting if name in arguments}
    definition = chosen.get("TrainingJobDefinition")
    if isinstance(definition, dict):
        chosen["TrainingJobDefinition"] = {
            name: definition[name] for name in TUNED_ATTRIBUTES if name in definition
        }
    return chosen


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration such as `30d`, `T16m` or `30dT5h`, with a `P` before or not."""
    days, _, hours = duration.removeprefix("P").partition("T")
    return sum(
        int(number) * units[unit]
        for text, units in ((days, _UNITS), (hours, _TIME_UNITS))
        for number, unit in re.findall(r"(\d+)([ymwdhs])", text.lower())
    )
