"""Runs a step that deletes a model: the deployed code, on this machine's models."""

from __future__ import annotations

from typing import Any

from smp.local.jobs.context import StepContext
from smp.local.jobs.model import remove_model
from smp.local.store.places import Places
from smp.lookup.delete_model import DELETED, MODEL, NOT_FOUND, delete_model


def run_delete_model(context: StepContext) -> dict[str, Any]:
    """Delete the model and return a Lambda step's outputs; its artifact stays."""
    found = delete_model(context.arguments, LocalModels(context.places))
    name = context.arguments[MODEL]
    context.say(f"deleted model {name}" if found[DELETED] else f"model {name} was gone already")
    return {"OutputParameters": found}


class LocalModels:
    """This machine's models, deleted as SageMaker's client does."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def delete_model(self, **request: Any) -> None:
        """Delete a model; raises NoSuchModel if there is none."""
        if not remove_model(self._places, request["ModelName"]):
            raise NoSuchModel(request["ModelName"])


class NoSuchModel(Exception):  # noqa: N818  named as the service's answer
    """SageMaker's answer for a model that does not exist, in the form of botocore's errors."""

    def __init__(self, name: str) -> None:
        message = f'{NOT_FOUND} "{name}".'
        super().__init__(message)
        self.response = {"Error": {"Code": "ValidationException", "Message": message}}
