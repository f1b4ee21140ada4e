"""The sections of a model that become jobs: preprocess, train, transform and evaluate.

It never renders a request; `smp.compiler.steps` does.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from smp.config.channels import (
    Channel,
    DataFile,
    EvaluateChannel,
    EvaluateChannels,
    PreprocessChannel,
    PreprocessChannels,
    TrainingChannels,
    TransformChannel,
    TransformChannels,
)
from smp.config.fields import ConfigModel, Flag, S3Distribution, Tags, Text, fault
from smp.config.images import ONE_OF_ALL, AlgorithmChoice, Framework, ImageChoice
from smp.config.registry import DEFAULT_INSTANCE_TYPE, InferenceSpecification, RegistrySection
from smp.config.values import (
    CheckpointPath,
    ContainerPath,
    ContentType,
    Hyperparameter,
    HyperparameterName,
    HyphenatedName,
    ImageUri,
    InstanceCount,
    ProcessingEnvironment,
    ProcessingInstance,
    S3Uri,
    TrainingEnvironment,
    TrainingInstance,
    TransformEnvironment,
    TransformInstance,
    VolumeSize,
)
from smp.config.varying import VARIES, Varying

__all__ = [
    "DEFAULT_CHANNEL",
    "DEFAULT_INSTANCE_TYPE",
    "Channel",
    "DataFile",
    "EvaluateChannel",
    "EvaluateSection",
    "InferenceSpecification",
    "JobSection",
    "MetricDefinition",
    "OutputLocation",
    "PreprocessChannel",
    "PreprocessSection",
    "RegistrySection",
    "TrainSection",
    "TransformChannel",
    "TransformSection",
]

DEFAULT_CHANNEL = "train"

RUNTIME_SPELLINGS = {
    "max_runtime_in_seconds": "max_runtime_seconds",
    "max_run_time_in_seconds": "max_runtime_seconds",
}

NINE_DAYS = 9 * 24 * 3600
TWENTY_EIGHT_DAYS = 28 * 24 * 3600


class JobSection(ConfigModel):
    """What every job has."""

    base_job_name: HyphenatedName | None = None
    """The beginning of the job's name; without it the step's name."""
    instance_type: Text = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    instance_count: InstanceCount = 1
    """The number of instances of the job."""
    env: dict[str, str] = Field(default={})
    """Environment variables of the script."""
    tags: Tags = ()
    """Tags of the job, beside those of the pipeline."""


class OutputLocation(ConfigModel):
    """Where in its container a preprocessing job writes."""

    output_local_filepath: ContainerPath = Field(
        default="/opt/ml/processing/output", alias="outputLocalFilepath"
    )
    """The directory below which each channel has its own: `<outputLocalFilepath>/<channel>`."""


class PreprocessSection(JobSection, ImageChoice):
    """A processing job that prepares data. A `framework_version` alone is one of scikit-learn."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["image_uri"]}, {"required": ["framework_version"]}]
        }
    )

    spellings: ClassVar[dict[str, str]] = RUNTIME_SPELLINGS
    default_framework: ClassVar[Framework | None] = "sklearn"

    kind: Literal["preprocess"] = "preprocess"
    """What a section of another name is; Processing steps use it with `step_type`."""
    entry_point: Text
    """The script, relative to `source_directory`: a `.py` file."""
    instance_type: Annotated[ProcessingInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: ProcessingEnvironment = Field(default={})
    """Environment variables of the script."""
    volume_size_in_gb: VolumeSize = 32
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=NINE_DAYS)]] = 3000
    """The time after which the job is stopped, in seconds."""
    channels: PreprocessChannels = Field(default={})
    """Inputs and outputs; without channels the job has one output, `train`."""
    location: OutputLocation = OutputLocation()
    """Where in its container the job writes."""
    s3_data_distribution_type: S3Distribution = "FullyReplicated"
    """Whether each instance gets all data or a part of it."""
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    """What the data files are: objects and prefixes, or manifests."""
    s3_input_mode: Literal["File", "Pipe"] = "File"
    """How data gets into the container."""
    s3_upload_mode: Literal["EndOfJob", "Continuous"] = "EndOfJob"
    """When output is uploaded."""


class MetricDefinition(ConfigModel):
    """A metric that the service reads from a training job's log."""

    name: Text = Field(alias="Name", max_length=255)
    """The metric's name."""
    regex: Text = Field(alias="Regex", max_length=500)
    """A regular expression whose first group is the value."""


class TrainSection(JobSection, AlgorithmChoice):
    """A training job: a script in an image, or the algorithm that an image brings."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["entry_point", "local_stand_in"]},
            "oneOf": ONE_OF_ALL,
        }
    )

    spellings: ClassVar[dict[str, str]] = {
        **RUNTIME_SPELLINGS,
        "hyperparams": "hyperparameters",
        "use_spot_instances": "use_spot",
        "max_wait": "max_wait_seconds",
        "keep_alive_period_in_seconds": "keep_alive_seconds",
    }

    entry_point: Text | None = None
    """The script, relative to `source_directory`: a `.py` or `.sh` file. Without it the job runs the
    algorithm that the image brings, such as a built-in one of SageMaker, and chained inputs are
    channels of the name that the step before gives its output."""
    local_stand_in: Text | None = None
    """In place of `entry_point`: a `.py` file below `source_directory` that runs in a local run where
    the image's algorithm would; it is not shipped to AWS."""
    instance_type: Annotated[TrainingInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: TrainingEnvironment = Field(default={})
    """Environment variables of the script."""
    volume_size_in_gb: VolumeSize = 32
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=TWENTY_EIGHT_DAYS)]] = 3000
    """The time after which the job is stopped, in seconds."""
    use_spot: Flag = False
    """Whether the job runs on spare capacity, which is cheaper and may be taken away while it runs."""
    max_wait_seconds: Varying[Annotated[int, Field(ge=1, le=TWENTY_EIGHT_DAYS)]] | None = None
    """With `use_spot`: the time for waiting and running together, in seconds."""
    checkpoint_s3_uri: S3Uri | None = None
    """Where the script's checkpoints are kept: what is there when the job starts, or starts again, is
    put into `checkpoint_local_path`."""
    checkpoint_local_path: CheckpointPath = "/opt/ml/checkpoints"
    """The directory in the container where the script writes its checkpoints."""
    keep_alive_seconds: Varying[Annotated[int, Field(ge=1, le=21_600)]] | None = None
    """How long the instances are kept, and paid for, after the job, for the next one like it."""
    output_path: S3Uri | None = None
    """Where the model's artefact goes; without it a place in the project's bucket."""
    content_type: ContentType | None = None
    """The content type of the channels' data."""
    input_mode: Literal["File", "FastFile", "Pipe"] = "File"
    """How data gets into the container."""
    distribution: S3Distribution = "FullyReplicated"
    """Whether each instance gets all data or a part of it."""
    hyperparameters: dict[HyperparameterName, Hyperparameter] = Field(default={}, max_length=100)
    """Arguments of the script, `--name value`, or settings of the image's algorithm."""
    metric_definitions: tuple[MetricDefinition, ...] = Field(
        default=(), max_length=40, strict=False
    )
    """Metrics that the service reads from the log."""
    model_data_uri: S3Uri | None = None
    """An artefact to begin from."""
    channels: TrainingChannels = Field(default={}, max_length=20)
    """Data by channel: each at `/opt/ml/input/data/<channel>`."""

    @model_validator(mode="after")
    def _check_stand_in(self) -> TrainSection:
        if self.local_stand_in is not None and self.entry_point is not None:
            reason = "has no effect beside 'entry_point', which runs in a local run too"
            raise fault(reason, "one of the two", at=("local_stand_in",))
        if self.algorithm is not None and self.entry_point is not None:
            reason = "is not run by 'algorithm', which brings its own"
            allowed = "algorithm without entry_point, or a framework or image_uri with it"
            raise fault(reason, allowed, at=("entry_point",))
        return self

    @model_validator(mode="after")
    def _check_spot(self) -> TrainSection:
        wait, run = self.max_wait_seconds, self.max_runtime_seconds
        if self.use_spot and wait is None:
            allowed = f"max_wait_seconds of at least max_runtime_seconds, {run}"
            raise fault("does not say how long to wait for capacity", allowed, at=("use_spot",))
        if wait is not None and not self.use_spot:
            raise fault(
                "has no effect without 'use_spot'", "use_spot: true", at=("max_wait_seconds",)
            )
        if isinstance(wait, int) and isinstance(run, int) and wait < run:
            reason = "is less than max_runtime_seconds, which it includes"
            raise fault(reason, f"at least {run}", at=("max_wait_seconds",))
        if self.use_spot and self.keep_alive_seconds is not None:
            reason = "is not possible with 'use_spot': spot instances are not kept"
            raise fault(reason, "one of the two", at=("keep_alive_seconds",))
        if "checkpoint_local_path" in self.model_fields_set and self.checkpoint_s3_uri is None:
            reason = "has no effect without 'checkpoint_s3_uri'"
            raise fault(reason, "checkpoint_s3_uri beside it", at=("checkpoint_local_path",))
        return self


class TransformSection(JobSection):
    """A batch transform job, which runs in the model's image."""

    refused: ClassVar[dict[str, str]] = {
        "volume_size": "has no place in a transform job (CreateTransformJob): remove it",
        "volume_size_in_gb": "has no place in a transform job (CreateTransformJob): remove it",
        "max_runtime_in_seconds": "has no place in a transform job (CreateTransformJob): remove it",
        "max_runtime_seconds": "has no place in a transform job (CreateTransformJob): remove it",
    }

    image_uri: ImageUri | None = None
    """Accepted and without effect: the job runs in `registry.InferenceSpecification.image_uri`."""
    entry_point: Text | None = None
    """The inference script of the model, relative to `source_directory`: a `.py` file."""
    instance_type: Annotated[TransformInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: TransformEnvironment = Field(default={})
    """Environment variables of the model's container."""
    strategy: Literal["MultiRecord", "SingleRecord"] | None = None
    """How many records one request holds."""
    assemble_with: Literal["None", "Line"] | None = None
    """How results are put together."""
    join_source: Literal["Input", "None"] | None = None
    """Whether each result is joined with its input."""
    split_type: Literal["None", "Line", "RecordIO", "TFRecord"] | None = None
    """How the data is split into records."""
    content_type: ContentType = "text/csv"
    """The content type of requests and answers."""
    max_payload: Varying[Annotated[int, Field(ge=0, le=100)]] | None = None
    """The largest request, in MB."""
    input_filter: str | None = Field(default=None, max_length=63)
    """A JSONPath expression: the part of the data that is sent to the model."""
    output_filter: str | None = Field(default=None, max_length=63)
    """A JSONPath expression: the part of the joined data that is kept."""
    channels: TransformChannels = Field(default={})
    """The one channel whose data is sent to the model."""


class EvaluateSection(JobSection, ImageChoice):
    """A processing job that compares predictions with the truth and writes the metrics report."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["image_uri"]}, {"required": ["framework"]}]}
    )

    spellings: ClassVar[dict[str, str]] = RUNTIME_SPELLINGS

    kind: Literal["evaluate"] = "evaluate"
    """What a section of another name is; Metrics steps use it with `step_type`."""
    entry_point: Text
    """The script, relative to `source_directory`: a `.py` file."""
    instance_type: Annotated[ProcessingInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: ProcessingEnvironment = Field(default={})
    """Environment variables of the script."""
    volume_size_in_gb: VolumeSize = 50
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=NINE_DAYS)]] = 3600
    """The time after which the job is stopped, in seconds."""
    content_type: ContentType = "application/json"
    """The content type of the metrics report."""
    channels: EvaluateChannels = Field(default={})
    """The one channel with what the job reads beside the predictions."""
    s3_data_distribution_type: S3Distribution = "FullyReplicated"
    """Whether each instance gets all data or a part of it."""
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    """What the data files are: objects and prefixes, or manifests."""
    s3_input_mode: Literal["File", "Pipe"] = "File"
    """How data gets into the container."""
