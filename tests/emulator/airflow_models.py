"""A managed Airflow as CloudFormation makes it, of which the AWS emulator knows nothing: name and address.

Never used outside the emulator's own process; no Airflow is behind it.
"""

from typing import Any

from moto.core.common_models import CloudFormationModel

Json = dict[str, Any]


class EnvironmentResource(CloudFormationModel):  # type: ignore[misc]
    """AWS::MWAA::Environment."""

    def __init__(self, name: str, region: str) -> None:
        self.physical_resource_id = name
        self._attributes = {"WebserverUrl": f"{name.lower()}.airflow.{region}.on.aws"}

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::MWAA::Environment"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "WebserverUrl"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self._attributes[attribute_name]

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, _: Json, __: str, region_name: str, **___: Any
    ) -> "EnvironmentResource":
        return cls(resource_name, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any) -> None:
        """There is nothing to delete."""
