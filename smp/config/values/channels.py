"""Channels: the named places of data that a job reads, and for preprocessing also what it writes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from smp.config.values.aws import (
    ChannelName,
    ContainerPath,
    ContentType,
    DataBucket,
    FileName,
    S3Prefix,
    TrainingChannelName,
)
from smp.config.values.base import ConfigModel, S3Distribution, Text, fault, pattern
from smp.config.values.varying import VARIES
from smp.definition.expressions import BEGIN

BUCKET_SPELLINGS = {"s3Bucket": "s3BucketName", "s3InputPrefix": "inputBucketPrefix"}

SOURCE_NAME = pattern(
    r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$",
    "1 to 64 letters, digits, '.', '_' and '-', the first none of '.' and '-'",
)


class DataFile(ConfigModel):
    """One S3 object or prefix."""

    source_name: Text | None = Field(default=None, alias="sourceName", pattern=SOURCE_NAME)
    """The name of a processing job's input, and of its directory in the container."""
    file_name: FileName = Field(alias="fileName")
    """An `s3://` URI, or a name below the channel's `s3BucketName` and `inputBucketPrefix`. What begins
    with a parameter is a URI in a channel without `s3BucketName`. With an extension it is one object,
    without one a directory: the job reads all below `NAME/`."""


class NamedDataFile(DataFile):
    """One S3 object or prefix that a processing job finds in a directory of its own."""

    source_name: Text = Field(alias="sourceName", pattern=SOURCE_NAME)
    """The name of the job's input, and of its directory in the container."""


class Channel(ConfigModel):
    """A named place for data that a job reads."""

    spellings: ClassVar[dict[str, str]] = BUCKET_SPELLINGS

    s3_bucket_name: DataBucket | None = Field(default=None, alias="s3BucketName")
    """The bucket of the files whose `fileName` is relative."""
    input_bucket_prefix: S3Prefix = Field(default="", alias="inputBucketPrefix")
    """The prefix, inside `s3BucketName`, of the files whose `fileName` is relative."""
    data_files: tuple[DataFile, ...] = Field(default=(), alias="dataFiles", strict=False)
    """What the job reads."""

    def is_uri(self, file: DataFile) -> bool:
        """Tell whether a file's name says all of where it lies."""
        name = file.file_name
        return name.startswith("s3://") or (name.startswith(BEGIN) and self.s3_bucket_name is None)

    def uri_of(self, file: DataFile) -> str:
        """Return the S3 URI of one of its files: as written, or under its bucket and prefix."""
        if self.is_uri(file):
            return file.file_name
        parts = (
            self.s3_bucket_name,
            self.input_bucket_prefix.strip("/"),
            file.file_name.lstrip("/"),
        )
        return "s3://" + "/".join(part for part in parts if part)

    @model_validator(mode="after")
    def _check_bucket(self) -> Channel:
        for index, file in enumerate(self.data_files):
            if self.s3_bucket_name is None and not self.is_uri(file):
                raise fault(
                    "is relative, and its channel has no 's3BucketName'",
                    "s3://BUCKET/KEY, or a channel with 's3BucketName'",
                    at=("dataFiles", index, "fileName"),
                )
        return self


class TrainingChannel(Channel):
    """A channel of a training job; what it leaves out is as the section has it."""

    content_type: Annotated[ContentType, VARIES] | None = None
    """The content type of the channel's data."""
    input_mode: Annotated[Literal["File", "FastFile", "Pipe"], VARIES] | None = None
    """How the channel's data gets into the container."""
    distribution: Annotated[S3Distribution, VARIES] | None = None
    """Whether each instance gets all of the channel's data or a part of it."""

    @property
    def settings(self) -> dict[str, str]:
        """Return what it has in place of the section's own."""
        keys = ("content_type", "input_mode", "distribution")
        return {key: value for key in keys if (value := getattr(self, key)) is not None}


class PreprocessChannel(Channel):
    """A channel of preprocessing: also the output of the same name."""

    data_files: tuple[NamedDataFile, ...] = Field(default=(), alias="dataFiles", strict=False)
    """What the job reads: each file below `/opt/ml/processing/input/<sourceName>`."""
    output_bucket_prefix: S3Prefix = Field(default="", alias="outputBucketPrefix")
    """Where in the bucket the channel's output goes."""


class TransformChannel(Channel):
    """The channel of a batch transform."""

    data_files: tuple[DataFile, ...] = Field(
        default=(), alias="dataFiles", strict=False, max_length=1
    )
    """What is sent to the model: one object or prefix."""


class EvaluateChannel(Channel):
    """The channel of an evaluation."""

    spellings: ClassVar[dict[str, str]] = {
        **BUCKET_SPELLINGS,
        "OuputLocalFilepath": "OutputLocalFilepath",
    }

    data_files: tuple[NamedDataFile, ...] = Field(default=(), alias="dataFiles", strict=False)
    """What the job reads beside the predictions, such as the true labels."""
    bucket_prefix: S3Prefix = ""
    """Where in the bucket the metrics report goes."""
    input_local_filepath: ContainerPath = Field(
        default="/opt/ml/processing/input/", alias="InputLocalFilepath"
    )
    """The directory in the container below which the files lie."""
    output_local_filepath: ContainerPath = Field(
        default="/opt/ml/processing/output/", alias="OutputLocalFilepath"
    )
    """The directory in the container where the script writes `model_evaluation_metrics.json`."""


def _read_channels(value: Any) -> Any:
    """`channels: train` is a channel without files; so is a channel with nothing under it."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict):
        return {name: {} if channel is None else channel for name, channel in value.items()}
    return value


TrainingChannels = Annotated[
    dict[TrainingChannelName, TrainingChannel],
    BeforeValidator(
        _read_channels,
        json_schema_input_type=str | dict[TrainingChannelName, TrainingChannel | None],
    ),
]
PreprocessChannels = Annotated[
    dict[ChannelName, PreprocessChannel],
    BeforeValidator(
        _read_channels, json_schema_input_type=str | dict[ChannelName, PreprocessChannel | None]
    ),
]
ONE = Field(max_length=1)

TransformChannels = Annotated[
    dict[ChannelName, TransformChannel],
    ONE,
    BeforeValidator(
        _read_channels,
        json_schema_input_type=str | Annotated[dict[ChannelName, TransformChannel | None], ONE],
    ),
]
EvaluateChannels = Annotated[
    dict[ChannelName, EvaluateChannel],
    ONE,
    BeforeValidator(
        _read_channels,
        json_schema_input_type=str | Annotated[dict[ChannelName, EvaluateChannel | None], ONE],
    ),
]
