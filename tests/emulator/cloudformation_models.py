"""Resource types that the AWS emulator lacks: the pipeline, and the effect of a bucket deployment.

Never used outside the emulator's own process.
"""

import io
import json
import zipfile
from typing import Any, ClassVar

from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

Json = dict[str, Any]

_PARTITION = "aws"
BUCKET_DEPLOYMENT = "Custom::CDKBucketDeployment"


class _Resource(CloudFormationModel):  # type: ignore[misc]
    def __init__(self, physical_resource_id: str, attributes: Json) -> None:
        self.physical_resource_id = physical_resource_id
        self.attributes = attributes

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "Tests::Emulator::Resource"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        del attr
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        return self.attributes[attribute_name]

    def is_created(self) -> bool:
        return True


class PipelineResource(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::SageMaker::Pipeline on top of the emulator's own CreatePipeline and DescribePipeline."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "PipelineName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SageMaker::Pipeline"

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "PipelineResource":
        properties = cloudformation_json["Properties"]
        pipeline = sagemaker_backends[account_id][region_name].create_pipeline(
            pipeline_name=resource_name,
            pipeline_display_name=properties.get("PipelineDisplayName", ""),
            pipeline_definition=_definition(properties, account_id),
            pipeline_definition_s3_location=None,
            pipeline_description=properties.get("PipelineDescription", ""),
            role_arn=properties["RoleArn"],
            tags=properties.get("Tags", []),
            parallelism_configuration=_parallelism(properties),
        )
        return cls(resource_name, {"PipelineName": resource_name, "Arn": pipeline.arn})

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "PipelineResource",
        new_resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
    ) -> "PipelineResource":
        if new_resource_name != original_resource.physical_resource_id:
            raise ValidationError(message="renaming a pipeline replaces it: not needed here")
        properties = cloudformation_json["Properties"]
        sagemaker_backends[account_id][region_name].update_pipeline(
            new_resource_name,
            pipeline_display_name=properties.get("PipelineDisplayName"),
            pipeline_definition=_definition(properties, account_id),
            pipeline_description=properties.get("PipelineDescription"),
            role_arn=properties["RoleArn"],
            parallelism_configuration=_parallelism(properties),
        )
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Json, account_id: str, region_name: str
    ) -> None:
        del cloudformation_json
        sagemaker_backends[account_id][region_name].delete_pipeline(resource_name)


class BucketDeployment(_Resource, CloudFormationModel):  # type: ignore[misc]
    """The effect of the CDK's bucket deployment, whose Lambda the emulator cannot run."""

    deployed: ClassVar[dict[str, Json]] = {}
    """Properties by physical id: of what is deleted the emulator gives them without their values."""

    @staticmethod
    def cloudformation_type() -> str:
        return BUCKET_DEPLOYMENT

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "BucketDeployment":
        del region_name
        properties = cloudformation_json["Properties"]
        _copy_sources(properties, s3_backends[account_id][_PARTITION])
        cls.deployed[resource_name] = properties
        bucket = properties["DestinationBucketName"]
        attributes = {
            "DestinationBucketArn": f"arn:{_PARTITION}:s3:::{bucket}",
            "SourceObjectKeys": properties["SourceObjectKeys"],
        }
        return cls(resource_name, attributes)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "BucketDeployment",
        new_resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
    ) -> "BucketDeployment":
        del new_resource_name
        name = original_resource.physical_resource_id
        return cls.create_from_cloudformation_json(
            name, cloudformation_json, account_id, region_name
        )

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Json, account_id: str, region_name: str
    ) -> None:
        del cloudformation_json, region_name
        properties = cls.deployed.pop(resource_name)
        if not _is_true(properties.get("RetainOnDelete", "true")):
            store = s3_backends[account_id][_PARTITION]
            _remove_all_but(set(), properties, store)


def _definition(properties: Json, account_id: str) -> str:
    definition = properties["PipelineDefinition"]
    if body := definition.get("PipelineDefinitionBody"):
        json.loads(body)
        return str(body)
    location = definition["PipelineDefinitionS3Location"]
    stored = s3_backends[account_id][_PARTITION].get_object(location["Bucket"], location["Key"])
    if stored is None:
        raise ValidationError(message=f"no definition at {location}")
    return str(stored.value.decode("utf-8"))


def _parallelism(properties: Json) -> Json | None:
    given = properties.get("ParallelismConfiguration")
    return given and {"MaxParallelExecutionSteps": int(given["MaxParallelExecutionSteps"])}


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _copy_sources(properties: Json, store: Any) -> None:
    """Unpacks every source archive, fills its markers, and prunes what is not in any of them."""
    prefix = properties.get("DestinationBucketKeyPrefix", "").strip("/")
    markers = properties.get("SourceMarkers") or [{}] * len(properties["SourceBucketNames"])
    written = set()
    sources = zip(
        properties["SourceBucketNames"], properties["SourceObjectKeys"], markers, strict=True
    )
    for bucket, key, replaced in sources:
        archive = store.get_object(bucket, key)
        for path, content in _unpacked(archive.value).items():
            target = f"{prefix}/{path}".lstrip("/")
            store.put_object(
                properties["DestinationBucketName"], target, _filled(content, replaced)
            )
            written.add(target)
    if _is_true(properties.get("Prune", "true")):
        _remove_all_but(written, properties, store)


def _unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {
            entry.filename: opened.read(entry) for entry in opened.infolist() if not entry.is_dir()
        }


def _filled(content: bytes, markers: Json) -> bytes:
    for marker, value in markers.items():
        content = content.replace(marker.encode(), str(value).encode())
    return content


def _remove_all_but(kept: set[str], properties: Json, store: Any) -> None:
    bucket = properties["DestinationBucketName"]
    prefix = properties.get("DestinationBucketKeyPrefix", "").strip("/")
    for key in list(store.get_bucket(bucket).keys):
        if key.startswith(prefix) and key not in kept:
            store.delete_object(bucket, key)


def _property_details(before: Json, after: Json) -> list[Json]:
    """What a change set says of each property that differs between two resources."""
    old, new = before.get("Properties", {}), after.get("Properties", {})
    return [
        {
            "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
