"""Finds a model package group's latest approved version, or a pinned one, with its metrics.

It never changes the registry. It is deployed as a function by itself, so it imports nothing of this
project; a local run calls `find_approved` with a registry and an object store of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

LATEST = "latest"
FAIL, CONTINUE = "fail", "continue"
APPROVED = "Approved"

GROUP, VERSION, WHEN_NONE = "ModelPackageGroupName", "Version", "WhenNone"
ARTIFACTS, IMAGES, REPORTS = "Artifacts", "Images", "Reports"
METRIC = "Metric"
"""What an event has. The three before the last are lists, one item a line; each `Metric<number>` is the
path of a value in the version's model quality report."""

PACKAGE_ARN, PACKAGE_VERSION, EXISTS = "ModelPackageArn", "ModelPackageVersion", "Exists"
"""What an answer has: a text, a whole number, a flag; beside them a number for each metric of the event."""

_PART = re.compile(r"\.?([^.\[\]]+)|\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")


class ModelRegistry(Protocol):
    """The two calls of SageMaker's client that are made."""

    def list_model_packages(self, **request: Any) -> Mapping[str, Any]: ...

    def describe_model_package(self, **request: Any) -> Mapping[str, Any]: ...


class Objects(Protocol):
    """The call of S3's client that is made."""

    def get_object(self, **request: Any) -> Mapping[str, Any]: ...


class LookupFailure(Exception):  # noqa: N818  its text is the service's FailureReason
    """Why there is no answer, and what to do."""


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """Answer a pipeline's Lambda step."""
    import boto3
    from botocore.config import Config

    patient = Config(retries={"mode": "standard", "max_attempts": 8})
    return find_approved(
        event, boto3.client("sagemaker", config=patient), boto3.client("s3", config=patient)
    )


def find_approved(
    event: Mapping[str, Any], registry: ModelRegistry, store: Objects
) -> dict[str, Any]:
    """Return the version that the event asks for; raises LookupFailure.

    Where there is none and the event says `continue`, `Exists` is false, and the rest is empty or 0.
    """
    metrics = {name: path for name, path in event.items() if re.fullmatch(METRIC + r"\d+", name)}
    summary = _find(event, registry)
    if summary is None:
        return {PACKAGE_ARN: "", PACKAGE_VERSION: 0, EXISTS: False, **dict.fromkeys(metrics, 0.0)}
    arn = str(summary["ModelPackageArn"])
    package = registry.describe_model_package(ModelPackageName=arn)
    name = f"version {package['ModelPackageVersion']} of {event[GROUP]}"
    _check_place(name, package, event)
    found = {PACKAGE_ARN: arn, PACKAGE_VERSION: int(package["ModelPackageVersion"]), EXISTS: True}
    report = _report(name, package, event, store) if metrics else None
    return {**found, **{key: _value(name, report, path) for key, path in metrics.items()}}


def _find(event: Mapping[str, Any], registry: ModelRegistry) -> Mapping[str, Any] | None:
    """Return the summary of the version that is asked for, None where going on without is allowed."""
    group, version = event[GROUP], str(event.get(VERSION, LATEST))
    if version != LATEST and not re.fullmatch("[1-9][0-9]*", version):
        raise LookupFailure(f"'{version}' is no version of {group}: '{LATEST}' or a number")
    status = None
    for summary in _summaries(group, version, registry):
        if version not in (LATEST, str(summary.get("ModelPackageVersion"))):
            continue
        status = summary.get("ModelApprovalStatus")
        if status == APPROVED:
            return summary
        break
    if event.get(WHEN_NONE, FAIL) == CONTINUE:
        return None
    raise LookupFailure(_nothing_found(group, version, status))


def _nothing_found(group: str, version: str, status: str | None) -> str:
    otherwise = f"or set when_none: {CONTINUE} where the pipeline can go on without"
    if version == LATEST:
        return (
            f"model package group '{group}' has no approved version: approve one in the registry "
            f"(in a local run: smp models approve {group} VERSION), {otherwise}"
        )
    if status is None:
        return f"model package group '{group}' has no version {version}: pin another, {otherwise}"
    return (
        f"version {version} of '{group}' is {status}, not {APPROVED}: approve it, pin another, "
        f"{otherwise}"
    )


def _summaries(group: str, version: str, registry: ModelRegistry) -> Iterator[Mapping[str, Any]]:
    """Yield the group's versions, newest first; of the latest only those that are approved."""
    request = {
        "ModelPackageGroupName": group,
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 100,
    }
    if version == LATEST:
        request["ModelApprovalStatus"] = APPROVED
    while True:
        page = registry.list_model_packages(**request)
        yield from page["ModelPackageSummaryList"]
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _check_place(name: str, package: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """Refuse a version whose artefact or image the pipeline's jobs were given no access to."""
    artifacts, images = _lines(event, ARTIFACTS), _lines(event, IMAGES)
    for container in package.get("InferenceSpecification", {}).get("Containers", []):
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        uri = container.get("ModelDataUrl") or source.get("S3Uri") or ""
        if uri and artifacts and not uri.startswith(tuple(artifacts)):
            raise LookupFailure(
                f"the artefact of {name}, {uri}, is outside of what this pipeline may read: "
                f"{', '.join(artifacts)}; name its place in the step's `artifacts`"
            )
        image = container.get("Image", "")
        if images and _repository(image) not in map(_repository, images):
            raise LookupFailure(
                f"the image of {name}, {image}, is none that this pipeline may pull: "
                f"{', '.join(images)}; name it in the step's `images`"
            )


def _report(name: str, package: Mapping[str, Any], event: Mapping[str, Any], store: Objects) -> Any:
    """Return the version's model quality report."""
    quality = package.get("ModelMetrics", {}).get("ModelQuality", {})
    uri = str(quality.get("Statistics", {}).get("S3Uri", ""))
    if not uri:
        raise LookupFailure(
            f"{name} was registered without a metrics report: nothing can be compared with it"
        )
    places = _lines(event, REPORTS)
    if places and not uri.startswith(tuple(places)):
        raise LookupFailure(
            f"the metrics report of {name}, {uri}, is outside of what this pipeline may read: "
            f"{', '.join(places)}; name its place in the step's `reports`"
        )
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content = store.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return json.loads(content)
    except ValueError as error:
        raise LookupFailure(f"the metrics report of {name}, {uri}, is no JSON: {error}") from error


def _value(name: str, report: Any, path: str) -> float:
    value = report
    for match in _PART.finditer(path.removeprefix("$")):
        word = next((part for part in match.groups()[:3] if part is not None), None)
        try:
            value = value[int(match[4])] if word is None else value[word]
        except (KeyError, IndexError, TypeError):
            has = ", ".join(value) if isinstance(value, dict) else "no such value"
            raise LookupFailure(
                f"the metrics report of {name} has no '{path}': at '{match[0]}' it has {has}"
            ) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise LookupFailure(f"'{path}' in the metrics report of {name} is no number: {value!r}")
    return float(value)


def _lines(event: Mapping[str, Any], key: str) -> list[str]:
    return str(event.get(key, "")).split("\n") if event.get(key) else []


def _repository(image: str) -> str:
    """Return an image's address without its tag or digest."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
