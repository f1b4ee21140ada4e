"""The sections of a model that become jobs: preprocess, train, transform and evaluate.

It never renders a request; `smp.compiler.steps` does.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from smp.config.fields import (
    ConfigModel,
    Environment,
    Flag,
    S3Distribution,
    ScalarText,
    Tags,
    Text,
)

DEFAULT_INSTANCE_TYPE = "ml.m5.2xlarge"
DEFAULT_CHANNEL = "train"

RUNTIME_SPELLINGS = {
    "max_runtime_in_seconds": "max_runtime_seconds",
    "max_run_time_in_seconds": "max_runtime_seconds",
}
BUCKET_SPELLINGS = {"s3Bucket": "s3BucketName", "s3InputPrefix": "inputBucketPrefix"}

TWENTY_EIGHT_DAYS = 28 * 24 * 3600


class DataFile(ConfigModel):
    """One S3 object or prefix. `fileName` is an `s3://` URI, or relative to its channel's bucket and prefix.

    `sourceName` names the input of a processing job and its directory; training does not use it.
    """

    source_name: Text | None = Field(default=None, alias="sourceName", max_length=64)
    file_name: Text = Field(alias="fileName")


class Channel(ConfigModel):
    """A named place for data: files that a job reads, and for preprocessing also what it writes."""

    spellings: ClassVar[dict[str, str]] = BUCKET_SPELLINGS

    s3_bucket_name: Text | None = Field(default=None, alias="s3BucketName")
    input_bucket_prefix: str = Field(default="", alias="inputBucketPrefix")
    data_files: tuple[DataFile, ...] = Field(default=(), alias="dataFiles", strict=False)

    def uri_of(self, file: DataFile) -> str:
        """Return the S3 URI of one of its files: as written, or under its bucket and prefix."""
        if file.file_name.startswith("s3://"):
            return file.file_name
        parts = (
            self.s3_bucket_name,
            self.input_bucket_prefix.strip("/"),
            file.file_name.lstrip("/"),
        )
        return "s3://" + "/".join(part for part in parts if part)


class PreprocessChannel(Channel):
    """A channel of preprocessing: also the output of the same name."""

    output_bucket_prefix: str = Field(default="", alias="outputBucketPrefix")


class EvaluateChannel(Channel):
    """The channel of an evaluation. `bucket_prefix` is where its report goes."""

    spellings: ClassVar[dict[str, str]] = {
        **BUCKET_SPELLINGS,
        "OuputLocalFilepath": "OutputLocalFilepath",
    }

    bucket_prefix: str = ""
    input_local_filepath: str = Field(
        default="/opt/ml/processing/input/", alias="InputLocalFilepath"
    )
    output_local_filepath: str = Field(
        default="/opt/ml/processing/output/", alias="OutputLocalFilepath"
    )


def _read_channels(value: Any) -> Any:
    """`channels: train` is a channel without files; so is a channel with nothing under it."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict):
        return {name: {} if channel is None else channel for name, channel in value.items()}
    return value


ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Channels = Annotated[
    dict[ChannelName, Channel],
    BeforeValidator(_read_channels, json_schema_input_type=str | dict[ChannelName, Channel | None]),
]
PreprocessChannels = Annotated[
    dict[ChannelName, PreprocessChannel],
    BeforeValidator(
        _read_channels, json_schema_input_type=str | dict[ChannelName, PreprocessChannel | None]
    ),
]
EvaluateChannels = Annotated[
    dict[ChannelName, EvaluateChannel],
    BeforeValidator(
        _read_channels, json_schema_input_type=str | dict[ChannelName, EvaluateChannel | None]
    ),
]


class JobSection(ConfigModel):
    """What every job has. `base_job_name` begins the job's name; the step's name is the default."""

    base_job_name: Text | None = Field(default=None, max_length=63)
    instance_type: Text = DEFAULT_INSTANCE_TYPE
    instance_count: int = Field(default=1, ge=1, le=100)
    tags: Tags = ()
    env: Environment = {}


class OutputLocation(ConfigModel):
    """Where in its container a preprocessing job writes: `<outputLocalFilepath>/<channel>`."""

    output_local_filepath: Text = Field(
        default="/opt/ml/processing/output", alias="outputLocalFilepath"
    )


class PreprocessSection(JobSection):
    """A processing job that prepares data.

    Without `image_uri` it runs in SageMaker's scikit-learn image of `framework_version`.
    """

    spellings: ClassVar[dict[str, str]] = RUNTIME_SPELLINGS

    image_uri: Text | None = None
    framework_version: Text | None = None
    entry_point: Text
    volume_size_in_gb: int = Field(default=32, ge=1, le=16384)
    max_runtime_seconds: int = Field(default=3000, ge=1, le=TWENTY_EIGHT_DAYS)
    channels: PreprocessChannels = {}
    location: OutputLocation = OutputLocation()
    s3_data_distribution_type: S3Distribution = "FullyReplicated"
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    s3_input_mode: Literal["File", "Pipe"] = "File"
    s3_upload_mode: Literal["EndOfJob", "Continuous"] = "EndOfJob"


class MetricDefinition(ConfigModel):
    """A metric that the service reads from a training job's log: the first group of `Regex`."""

    name: Text = Field(alias="Name", max_length=255)
    regex: Text = Field(alias="Regex", max_length=500)


class TrainSection(JobSection):
    """A training job in script mode."""

    spellings: ClassVar[dict[str, str]] = {**RUNTIME_SPELLINGS, "hyperparams": "hyperparameters"}

    image_uri: Text
    entry_point: Text
    volume_size_in_gb: int = Field(default=32, ge=1, le=16384)
    max_runtime_seconds: int = Field(default=3000, ge=1, le=TWENTY_EIGHT_DAYS)
    output_path: Text | None = None
    content_type: Text | None = None
    input_mode: Literal["File", "FastFile", "Pipe"] = "File"
    distribution: S3Distribution = "FullyReplicated"
    hyperparameters: dict[str, ScalarText] = Field(default={}, max_length=100)
    metric_definitions: tuple[MetricDefinition, ...] = Field(
        default=(), max_length=40, strict=False
    )
    model_data_uri: Text | None = None
    channels: Channels = {}


class TransformSection(JobSection):
    """A batch transform job; `entry_point` is the inference script of the model it uses.

    `image_uri` has no effect: the job runs in the model's image (`registry.InferenceSpecification`).
    """

    refused: ClassVar[dict[str, str]] = {
        "volume_size": "has no place in a transform job (CreateTransformJob): remove it",
        "volume_size_in_gb": "has no place in a transform job (CreateTransformJob): remove it",
        "max_runtime_in_seconds": "has no place in a transform job (CreateTransformJob): remove it",
        "max_runtime_seconds": "has no place in a transform job (CreateTransformJob): remove it",
    }

    image_uri: Text | None = None
    entry_point: Text | None = None
    strategy: Literal["MultiRecord", "SingleRecord"] | None = None
    assemble_with: Literal["None", "Line"] | None = None
    join_source: Literal["Input", "None"] | None = None
    split_type: Literal["None", "Line", "RecordIO", "TFRecord"] | None = None
    content_type: Text = "text/csv"
    max_payload: int | None = Field(default=None, ge=0, le=100)
    input_filter: str | None = Field(default=None, max_length=63)
    output_filter: str | None = Field(default=None, max_length=63)
    channels: Channels = Field(default={}, max_length=1)


class EvaluateSection(JobSection):
    """A processing job that compares predictions with the truth and writes the metrics report."""

    spellings: ClassVar[dict[str, str]] = RUNTIME_SPELLINGS

    image_uri: Text
    entry_point: Text
    volume_size_in_gb: int = Field(default=50, ge=1, le=16384)
    max_runtime_seconds: int = Field(default=3600, ge=1, le=TWENTY_EIGHT_DAYS)
    content_type: Text = "application/json"
    channels: EvaluateChannels = Field(default={}, max_length=1)
    s3_data_distribution_type: S3Distribution = "FullyReplicated"
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    s3_input_mode: Literal["File", "Pipe"] = "File"


class InferenceSpecification(ConfigModel):
    """How a registered model is served."""

    spellings: ClassVar[dict[str, str]] = {
        "SupportedRealtimeInferenceInstanceType": "SupportedRealtimeInferenceInstanceTypes",
        "SupportedTransformInstanceType": "SupportedTransformInstanceTypes",
        "SupportedContentTypes": "supported_content_types",
        "SupportedResponseMIMETypes": "supported_response_MIME_types",
    }

    image_uri: Text
    supported_content_types: tuple[Text, ...] = Field(default=(), strict=False)
    supported_response_mime_types: tuple[Text, ...] = Field(
        default=(), alias="supported_response_MIME_types", strict=False
    )
    supported_realtime_inference_instance_types: tuple[Text, ...] = Field(
        default=(DEFAULT_INSTANCE_TYPE,),
        alias="SupportedRealtimeInferenceInstanceTypes",
        strict=False,
        min_length=1,
    )
    supported_transform_instance_types: tuple[Text, ...] = Field(
        default=(DEFAULT_INSTANCE_TYPE,),
        alias="SupportedTransformInstanceTypes",
        strict=False,
        min_length=1,
    )
    approval_status: Literal["Approved", "Rejected", "PendingManualApproval"] = (
        "PendingManualApproval"
    )


class RegistrySection(ConfigModel):
    """How a model becomes a version in the model registry, and how its artefact is packed."""

    model_package_group_name: Text | None = Field(
        default=None, alias="ModelPackageGroupName", pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$"
    )
    model_package_group_description: Text | None = Field(
        default=None, alias="ModelPackageGroupDescription", max_length=1024
    )
    model_package_description: Text | None = Field(
        default=None, alias="ModelPackageDescription", max_length=1024
    )
    model_repack: Flag = Field(default=True, alias="ModelRepack")
    inference_specification: InferenceSpecification = Field(alias="InferenceSpecification")
