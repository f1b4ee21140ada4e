"""The `registry` section: how a model is registered, packed and served."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from smp.config.values.aws import (
    HYPHENATED,
    ContentType,
    HostingInstance,
    MimeType,
    ModelEnvironment,
    S3Uri,
    TransformInstance,
)
from smp.config.values.base import (
    TAKEN_AS_IT_IS,
    ConfigModel,
    Description,
    Flag,
    ScalarText,
    Text,
    fault,
    pattern,
    read_list,
)
from smp.config.values.images import ONE_OF_ALL, AlgorithmChoice, Scope
from smp.config.values.varying import VARIES, VARIES_BY_EXECUTION

DEFAULT_INSTANCE_TYPE = "ml.m5.2xlarge"

ContentTypes = Annotated[
    tuple[ContentType, ...],
    Field(strict=False),
    BeforeValidator(read_list, json_schema_input_type=str | list[str]),
]

MimeTypes = Annotated[
    tuple[MimeType, ...],
    Field(strict=False),
    BeforeValidator(read_list, json_schema_input_type=str | list[str]),
]


PIPELINE_ARN = "PIPELINE_ARN"
"""The metadata that every version has: the execution that made it."""


def _check_metadata(values: dict[str, str]) -> dict[str, str]:
    if PIPELINE_ARN in values:
        raise fault("is set for every version", "another name", at=(PIPELINE_ARN,))
    return values


MetadataText = Annotated[
    ScalarText,
    Field(
        min_length=1,
        pattern=pattern(r"^[\w\s.:/=+@-]+$", "letters, digits, spaces and _.:/=+-@"),
    ),
]
Metadata = Annotated[
    dict[
        Annotated[MetadataText, Field(max_length=128)],
        Annotated[MetadataText, Field(max_length=256), VARIES_BY_EXECUTION],
    ],
    Field(max_length=49),
    TAKEN_AS_IT_IS,
    AfterValidator(_check_metadata),
]
"""CustomerMetadataProperties of CreateModelPackage (botocore 1.44.5), without the one of every version."""


class InferenceSpecification(AlgorithmChoice):
    """How a registered model is served, and by which image: CreateModel, and so Transform, and the
    registered version use it."""

    model_config = ConfigDict(json_schema_extra={"oneOf": ONE_OF_ALL})

    scope: ClassVar[Scope] = "inference"
    machine_key: ClassVar[tuple[str, ...]] = ()

    spellings: ClassVar[dict[str, str]] = {
        "Environment": "env",
        "SupportedRealtimeInferenceInstanceType": "SupportedRealtimeInferenceInstanceTypes",
        "SupportedTransformInstanceType": "SupportedTransformInstanceTypes",
        "SupportedContentTypes": "supported_content_types",
        "SupportedResponseMIMETypes": "supported_response_MIME_types",
    }

    supported_content_types: ContentTypes = ()
    """Content types that the model takes."""
    supported_response_mime_types: MimeTypes = Field(
        default=(), alias="supported_response_MIME_types"
    )
    """Content types that the model answers with."""
    supported_realtime_inference_instance_types: Annotated[
        tuple[HostingInstance, ...], BeforeValidator(read_list)
    ] = Field(
        default=(DEFAULT_INSTANCE_TYPE,),
        alias="SupportedRealtimeInferenceInstanceTypes",
        strict=False,
        min_length=1,
    )
    """Instance types of endpoints."""
    supported_transform_instance_types: Annotated[
        tuple[TransformInstance, ...], BeforeValidator(read_list)
    ] = Field(
        default=(DEFAULT_INSTANCE_TYPE,),
        alias="SupportedTransformInstanceTypes",
        strict=False,
        min_length=1,
    )
    """Instance types of batch transform jobs."""
    env: ModelEnvironment = Field(default={})
    """Environment variables of the container, beside those that name the inference script."""
    approval_status: Annotated[Literal["Approved", "Rejected", "PendingManualApproval"], VARIES] = (
        "PendingManualApproval"
    )
    """The status that a new version gets."""

    def _machines(self) -> tuple[str, ...]:
        return (
            *self.supported_realtime_inference_instance_types,
            *self.supported_transform_instance_types,
        )


class RegistrySection(ConfigModel):
    """How a model becomes a version in the model registry, and how its artifact is packed."""

    model_package_group_name: Text | None = Field(
        default=None, alias="ModelPackageGroupName", pattern=HYPHENATED
    )
    """The group of the model's versions; without it `<projectName>-<model>`."""
    model_package_group_description: Description | None = Field(
        default=None, alias="ModelPackageGroupDescription"
    )
    """What the group's page says."""
    model_package_description: Annotated[Description, VARIES] | None = Field(
        default=None, alias="ModelPackageDescription"
    )
    """What the version's page says."""
    model_repack: Flag = Field(default=True, alias="ModelRepack")
    """Whether a job packs `source_directory` into the model's artifact before it is served."""
    network_isolation: Flag = False
    """Whether the container of the model that CreateModel makes has no network."""
    domain: Literal["COMPUTER_VISION", "NATURAL_LANGUAGE_PROCESSING", "MACHINE_LEARNING"] | None = (
        Field(default=None, alias="Domain")
    )
    """What kind of machine learning the model is of; Inference Recommender reads it."""
    task: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, alias="Task"
    )
    """What the model does, such as `REGRESSION` or `CLASSIFICATION`; Inference Recommender reads it."""
    sample_payload_url: S3Uri | None = Field(default=None, alias="SamplePayloadUrl")
    """An archive of sample requests, a `.tar.gz` object; Inference Recommender reads it."""
    customer_metadata_properties: Metadata = Field(default={}, alias="CustomerMetadataProperties")
    """Metadata of the version, beside `PIPELINE_ARN`."""
    inference_specification: InferenceSpecification = Field(alias="InferenceSpecification")
    """How the model is served."""
