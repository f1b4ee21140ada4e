"""Runs a step that looks into the model registry: the deployed code, on this machine's registry."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from smp.local.jobs.context import StepContext, StepFailure
from smp.local.store.model_registry import Registry
from smp.local.store.object_store import ObjectStore
from smp.lookup.approved_model import EXISTS, GROUP, PACKAGE_VERSION, LookupFailure, find_approved


def run_approved_model(context: StepContext) -> dict[str, Any]:
    """Look the version up and return it as a Lambda step's outputs."""
    try:
        found = find_approved(
            context.arguments,
            LocalRegistry(Registry(context.places.registry)),
            LocalObjects(context.store),
        )
    except LookupFailure as failure:
        raise StepFailure(str(failure)) from failure
    version = f"version {found[PACKAGE_VERSION]}" if found[EXISTS] else "no approved version"
    context.say(f"{version} of {context.arguments[GROUP]}")
    return {"OutputParameters": found}


class LocalRegistry:
    """This machine's registry, asked as SageMaker's client is."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def list_model_packages(self, **request: Any) -> Mapping[str, Any]:
        """Return the versions of a group, newest first; a group that is not there yet has none."""
        group, status = request["ModelPackageGroupName"], request.get("ModelApprovalStatus")
        known = [item["ModelPackageGroupName"] for item in self._registry.list_groups()]
        versions = self._registry.list_versions(group) if group in known else []
        kept = [one for one in versions if status in (None, one["ModelApprovalStatus"])]
        return {"ModelPackageSummaryList": kept}

    def describe_model_package(self, **request: Any) -> Mapping[str, Any]:
        """Return the version with this ARN."""
        _, group, version = str(request["ModelPackageName"]).rsplit("/", 2)
        return self._registry.show(group, int(version))


class LocalObjects:
    """This machine's objects, asked as S3's client is."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def get_object(self, **request: Any) -> Mapping[str, Any]:
        """Return an object's content."""
        uri = f"s3://{request['Bucket']}/{request['Key']}"
        path = self._store.path_of(uri)
        if not path.is_file():
            raise StepFailure(f"there is no object {uri}, which the registry names")
        return {"Body": io.BytesIO(path.read_bytes())}
