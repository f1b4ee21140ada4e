"""Schedules and their groups as CloudFormation makes them, which the AWS emulator knows only by its API.

Never used outside the emulator's own process.
"""

from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends

Json = dict[str, Any]


class _Named(CloudFormationModel):  # type: ignore[misc]
    """A resource whose name is what a reference to it gives."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        del attr
        return False

    def is_created(self) -> bool:
        return True


class ScheduleGroupResource(_Named, CloudFormationModel):  # type: ignore[misc]
    """AWS::Scheduler::ScheduleGroup."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Scheduler::ScheduleGroup"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, _: Json, account_id: str, region_name: str, **__: Any
    ) -> "ScheduleGroupResource":
        scheduler_backends[account_id][region_name].create_schedule_group(resource_name, [])
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, _: Json, account_id: str, region_name: str
    ) -> None:
        backend = scheduler_backends[account_id][region_name]
        backend.delete_schedule_group(resource_name)


class ScheduleResource(_Named, CloudFormationModel):  # type: ignore[misc]
    """AWS::Scheduler::Schedule."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Scheduler::Schedule"

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "ScheduleResource":
        given = cloudformation_json["Properties"]
        target = dict(given["Target"])
        target["RetryPolicy"] = {key: int(value) for key, value in target["RetryPolicy"].items()}
        scheduler_backends[account_id][region_name].create_schedule(
            description=given["Description"],
            end_date=given.get("EndDate"),
            flexible_time_window=given["FlexibleTimeWindow"],
            group_name=given["GroupName"],
            kms_key_arn=given["KmsKeyArn"],
            name=resource_name,
            schedule_expression=given["ScheduleExpression"],
            schedule_expression_timezone=given.get("ScheduleExpressionTimezone"),
            start_date=given.get("StartDate"),
            state=given["State"],
            target=target,
            action_after_completion=None,
        )
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Json, account_id: str, region_name: str
    ) -> None:
        group = cloudformation_json["Properties"]["GroupName"]
        scheduler_backends[account_id][region_name].delete_schedule(group, resource_name)
