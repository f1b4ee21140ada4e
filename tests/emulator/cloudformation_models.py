"""What the AWS emulator lacks of CloudFormation, for the tests' own server process.

Owns the pipeline resource, the effect of a bucket deployment and termination protection.
Never used outside the emulator's process: it patches moto.
"""

import io
import json
import zipfile
from typing import Any

from moto.cloudformation import models as cloudformation
from moto.cloudformation import parsing, responses
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.core.responses import EmptyResult
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

Json = dict[str, Any]

_PARTITION = "aws"
_BUCKET_DEPLOYMENT = "Custom::CDKBucketDeployment"
_PROTECTED = "Stack [{}] cannot be deleted while TerminationProtection is enabled"


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

    @staticmethod
    def cloudformation_type() -> str:
        return _BUCKET_DEPLOYMENT

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
        del resource_name, region_name
        properties = cloudformation_json["Properties"]
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


def _update_termination_protection(response: Any) -> EmptyResult:
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    stack.enable_termination_protection = response._get_bool_param("EnableTerminationProtection")
    return EmptyResult()


def _in_dependency_order(resources: Json) -> Json:
    """Return the resources so that each comes after those that its DependsOn names."""
    ordered: Json = {}

    def place(logical_id: str) -> None:
        if logical_id in ordered:
            return
        named = resources[logical_id].get("DependsOn", [])
        for dependency in [named] if isinstance(named, str) else named:
            place(dependency)
        ordered[logical_id] = resources[logical_id]

    for logical_id in resources:
        place(logical_id)
    return ordered


def _apply_change_set(change_set: Any) -> None:
    """Apply a change set as a direct update would be: in order, with imports, outputs, exports."""
    stack = change_set.stack
    backend = cloudformation.cloudformation_backends[stack.account_id][stack.region_name]
    template = change_set.template_dict
    template["Resources"] = _in_dependency_order(template["Resources"])
    stack.resource_map.cross_stack_resources = backend.exports
    stack.resource_map.update(template, change_set.parameters)
    stack.template = change_set.template
    stack.template_dict = template
    stack.output_map = stack._create_output_map()
    backend.exports.update({export.name: export for export in stack.exports})


def install() -> None:
    """Makes the server in this process know the resources above. Once, before the first request."""
    original_class_of = parsing.resource_class_from_type
    original_delete = cloudformation.CloudFormationBackend.delete_stack

    original_forget = cloudformation.CloudFormationBackend.delete_change_set

    def class_of(resource_type: str) -> Any:
        if resource_type == _BUCKET_DEPLOYMENT:
            return BucketDeployment
        return original_class_of(resource_type)

    def delete_stack(backend: Any, name_or_stack_id: str) -> None:
        for stack in backend.stacks.values():
            named = name_or_stack_id in (stack.name, stack.stack_id)
            if named and stack.enable_termination_protection:
                raise ValidationError(message=_PROTECTED.format(stack.name))
        original_delete(backend, name_or_stack_id)

    def delete_change_set(backend: Any, change_set_name: str) -> None:
        """Forget a change set; one that does not exist is no error, as at AWS."""
        names = {change_set.change_set_name for change_set in backend.change_sets.values()}
        if change_set_name in names or change_set_name in backend.change_sets:
            original_forget(backend, change_set_name)

    parsing.resource_class_from_type = class_of
    cloudformation.CloudFormationBackend.delete_change_set = delete_change_set
    cloudformation.CloudFormationBackend.delete_stack = delete_stack
    cloudformation.ChangeSet.apply = _apply_change_set
    responses.CloudFormationResponse.update_termination_protection = _update_termination_protection
