"""The sections of a model that become jobs; `train` has a module of its own."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from smp.config.sections.job_section import NINE_DAYS, RUNTIME_SPELLINGS, JobSection
from smp.config.sections.registry import (
    DEFAULT_INSTANCE_TYPE,
)
from smp.config.sections.spark import SparkSection
from smp.config.values.aws import (
    ContainerPath,
    ContentType,
    ImageUri,
    ProcessingEnvironment,
    ProcessingInstance,
    ScriptArguments,
    TransformEnvironment,
    TransformInstance,
    VolumeSize,
)
from smp.config.values.base import ConfigModel, Flag, S3Distribution, Text, fault
from smp.config.values.channels import (
    EvaluateChannels,
    PreprocessChannels,
    TransformChannels,
)
from smp.config.values.images import SPARK, Framework, ImageChoice, ProcessingFramework
from smp.config.values.reports import Reports, channel_of
from smp.config.values.varying import VARIES, Varying

DEFAULT_CHANNEL = "train"
MAX_MEGABYTES = 100
"""Of all requests of a transform at once: MaxConcurrentTransforms in the API reference."""


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
    framework: ProcessingFramework | None = None  # type: ignore[assignment]
    """In place of `image_uri`: the framework of one of SageMaker's images, whose URI is that of the
    region that is deployed to."""

    kind: Literal["preprocess"] = "preprocess"
    """What a section of another name is; Processing steps use it with `step_type`."""
    entry_point: Text
    """The script, relative to `source_directory`: a `.py` file."""
    arguments: ScriptArguments = ()
    """Arguments of the script, in order, such as `[--rows, 1000]`."""
    instance_type: Annotated[ProcessingInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: ProcessingEnvironment = Field(default={})
    """Environment variables of the script."""
    network_isolation: Flag = False
    """Whether the container has no network, not even to AWS services: the service brings its data."""
    volume_size_in_gb: VolumeSize = 32
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=NINE_DAYS)]] = 3000
    """The time after which the job is stopped, in seconds."""
    spark: SparkSection | None = None
    """What the script is submitted with to Spark, which `framework: spark` or an own image brings."""
    channels: PreprocessChannels = Field(default={})
    """Inputs and outputs; without channels the job has one output, `train`."""
    reports: Reports = Field(default={})
    """JSON files that the script writes, by name: each path begins with a channel, such as
    `quality/report.json`. Conditions and messages read them as `STEP.reports.NAME.PATH`."""
    location: OutputLocation = OutputLocation()
    """Where in its container the job writes."""
    s3_data_distribution_type: Annotated[S3Distribution, VARIES] = "FullyReplicated"
    """Whether each instance gets all data or a part of it."""
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    """What the data files are: objects and prefixes, or manifests."""
    s3_input_mode: Annotated[Literal["File", "Pipe"], VARIES] = "File"
    """How data gets into the container."""
    s3_upload_mode: Annotated[Literal["EndOfJob", "Continuous"], VARIES] = "EndOfJob"
    """When output is uploaded."""

    @property
    def is_spark(self) -> bool:
        """Whether the script is submitted to Spark."""
        return self.framework == SPARK or self.spark is not None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs: those of the channels, or one."""
        return tuple(self.channels) or (DEFAULT_CHANNEL,)

    @model_validator(mode="after")
    def _check_reports(self) -> PreprocessSection:
        for name, path in self.reports.items():
            if channel_of(path) not in self.outputs or channel_of(path) == path:
                raise fault(
                    "is not a file below one of the job's outputs",
                    " or ".join(f"{output}/FILE" for output in self.outputs),
                    at=("reports", name),
                )
        return self

    @model_validator(mode="after")
    def _check_spark(self) -> PreprocessSection:
        if self.spark is not None and self.image_uri is None and self.framework != SPARK:
            reason = f"is not for the images of {self.framework or self.default_framework}"
            raise fault(reason, "framework: spark, or an own image_uri with Spark", at=("spark",))
        return self


class TransformSection(JobSection):
    """A batch transform job, which runs in the model's image."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": ["entry_point", "local_stand_in"]}}
    )

    refused: ClassVar[dict[str, str]] = {
        "network_isolation": "is a setting of the model, not of the job: write registry.network_isolation",
        "volume_size": "has no place in a transform job (CreateTransformJob): remove it",
        "volume_size_in_gb": "has no place in a transform job (CreateTransformJob): remove it",
        "max_runtime_in_seconds": "has no place in a transform job (CreateTransformJob): remove it",
        "max_runtime_seconds": "has no place in a transform job (CreateTransformJob): remove it",
    }

    image_uri: ImageUri | None = None
    """Accepted and without effect: the job runs in `registry.InferenceSpecification.image_uri`."""
    entry_point: Text | None = None
    """The inference script of the model, relative to `source_directory`: a `.py` file."""
    local_stand_in: Text | None = None
    """In place of `entry_point`: a `.py` file below `source_directory` that serves the model in a local
    run where the image's own server would; it is not shipped to AWS."""
    instance_type: Annotated[TransformInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: TransformEnvironment = Field(default={})
    """Environment variables of the model's container."""
    strategy: Annotated[Literal["MultiRecord", "SingleRecord"], VARIES] | None = None
    """How many records one request holds."""
    assemble_with: Annotated[Literal["None", "Line"], VARIES] | None = None
    """How results are put together."""
    join_source: Annotated[Literal["Input", "None"], VARIES] | None = None
    """Whether each result is joined with its input."""
    split_type: Annotated[Literal["None", "Line", "RecordIO", "TFRecord"], VARIES] | None = None
    """How the data is split into records."""
    content_type: Annotated[ContentType, VARIES] = "text/csv"
    """The content type of requests, and of answers without `accept`."""
    accept: Annotated[ContentType, VARIES] | None = None
    """The content type of answers."""
    max_payload: Varying[Annotated[int, Field(ge=0, le=100)]] | None = None
    """The largest request, in MB."""
    max_concurrent_transforms: Varying[Annotated[int, Field(ge=0, le=10_000)]] | None = None
    """How many requests each instance gets at once; 0 is the number that the container asks for."""
    invocations_timeout_seconds: Varying[Annotated[int, Field(ge=1, le=3600)]] | None = None
    """The time that the model may take for one request, in seconds."""
    invocations_max_retries: Varying[Annotated[int, Field(ge=0, le=3)]] | None = None
    """How often a request is sent again that failed."""
    input_filter: Annotated[str, Field(max_length=63), VARIES] | None = None
    """A JSONPath expression: the part of the data that is sent to the model."""
    output_filter: Annotated[str, Field(max_length=63), VARIES] | None = None
    """A JSONPath expression: the part of the joined data that is kept."""
    channels: TransformChannels = Field(default={})
    """The one channel whose data is sent to the model."""

    @model_validator(mode="after")
    def _check_payload(self) -> TransformSection:
        size, count = self.max_payload, self.max_concurrent_transforms
        if isinstance(size, int) and isinstance(count, int) and size * count > MAX_MEGABYTES:
            reason = f"makes {size * count} MB with max_payload of {size}"
            allowed = f"at most {MAX_MEGABYTES} MB for all requests at once"
            raise fault(reason, allowed, at=("max_concurrent_transforms",))
        return self

    @model_validator(mode="after")
    def _check_stand_in(self) -> TransformSection:
        if self.local_stand_in is not None and self.entry_point is not None:
            reason = "has no effect together with 'entry_point', which runs in a local run too"
            raise fault(reason, "one of the two", at=("local_stand_in",))
        return self


class EvaluateSection(JobSection, ImageChoice):
    """A processing job that evaluates a model, or its predictions, and writes the metrics report."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["image_uri"]}, {"required": ["framework"]}]}
    )

    spellings: ClassVar[dict[str, str]] = RUNTIME_SPELLINGS

    kind: Literal["evaluate"] = "evaluate"
    """What a section of another name is; Metrics steps use it with `step_type`."""
    entry_point: Text
    """The script, relative to `source_directory`: a `.py` file."""
    arguments: ScriptArguments = ()
    """Arguments of the script, in order, such as `[--rows, 1000]`."""
    instance_type: Annotated[ProcessingInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: ProcessingEnvironment = Field(default={})
    """Environment variables of the script."""
    network_isolation: Flag = False
    """Whether the container has no network, not even to AWS services: the service brings its data."""
    volume_size_in_gb: VolumeSize = 50
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=NINE_DAYS)]] = 3600
    """The time after which the job is stopped, in seconds."""
    content_type: ContentType = "application/json"
    """The content type of the metrics report."""
    channels: EvaluateChannels = Field(default={})
    """The one channel with what the job reads beside the predictions."""
    reports: Reports = Field(default={})
    """Further JSON files that the script writes beside the metrics report, by name: the path of each below
    `OutputLocalFilepath`. Conditions and messages read them as `STEP.reports.NAME.PATH`."""
    s3_data_distribution_type: Annotated[S3Distribution, VARIES] = "FullyReplicated"
    """Whether each instance gets all data or a part of it."""
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    """What the data files are: objects and prefixes, or manifests."""
    s3_input_mode: Annotated[Literal["File", "Pipe"], VARIES] = "File"
    """How data gets into the container."""
