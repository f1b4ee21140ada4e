"""Deletes the SageMaker model that an execution made.

It is deployed as a function by itself, so it imports nothing of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

MODEL = "ModelName"
"""What an event has."""
DELETED = "Deleted"
"""What an answer has: false if the model was gone before, as after a call whose answer was lost."""
NOT_FOUND = "Could not find model"
"""How SageMaker's answer begins if there is no such model; its code is that of any invalid request."""


class Models(Protocol):
    """The call of SageMaker's client that is made."""

    def delete_model(self, **request: Any) -> Any: ...


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """Answer a pipeline's Lambda step."""
    import boto3
    from botocore.config import Config

    patient = Config(retries={"mode": "standard", "max_attempts": 8})
    return delete_model(event, boto3.client("sagemaker", config=patient))


def delete_model(event: Mapping[str, Any], models: Models) -> dict[str, Any]:
    """Delete the model that the event names."""
    try:
        models.delete_model(ModelName=event[MODEL])
    except Exception as error:
        answer = getattr(error, "response", {}).get("Error", {})
        if not str(answer.get("Message", "")).startswith(NOT_FOUND):
            raise
        return {DELETED: False}
    return {DELETED: True}
