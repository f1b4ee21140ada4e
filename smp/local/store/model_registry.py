"""The model registry on this machine: groups of model packages and their versions, one file each.

`<root>/<group>/group.json` and `<root>/<group>/versions/<number>.json`, in the shapes of
DescribeModelPackageGroup and DescribeModelPackage, times in seconds since 1970. Every file appears
whole or not at all, and writers of a group wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smp.errors import Problem, RunError, near_names
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import ACCOUNT_ID, REGION
from smp.local.store.reports import read_report
from smp.text.atomic_file import write_atomically

APPROVED, REJECTED, PENDING = "Approved", "Rejected", "PendingManualApproval"
STATUSES = (APPROVED, REJECTED, PENDING)

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

Json = dict[str, Any]


class Registry:
    """All model package groups of a workspace. Methods that name what is not there raise RunError."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def register(
        self, request: Mapping[str, Any], *, token: str, group_description: str | None = None
    ) -> Json:
        """Add a version to the request's group, making the group; return DescribeModelPackage.

        `request` is that of CreateModelPackage. As with the service's ClientToken, a second call with
        the same token returns the version that the first one made.
        """
        group = group_name(request)
        with self._locked(group):
            self._make_group(group, group_description)
            numbers = self._numbers(group)
            for number in numbers:
                known = self._read(group, number)
                if known.get("ClientToken") == token:
                    return known
            package = _package(group, max(numbers, default=0) + 1, request, token)
            self._write(package)
            return package

    def list_groups(self) -> list[Json]:
        """Return every group by name, each with its newest version under `LatestVersion`."""
        names = sorted(path.parent.name for path in self.root.glob("*/group.json"))
        return [
            {**self._group(name), "LatestVersion": max(self._numbers(name), default=None)}
            for name in names
        ]

    def list_versions(self, group: str) -> list[Json]:
        """Return the versions of a group, newest first."""
        self._group(group)
        return [self._read(group, number) for number in reversed(self._numbers(group))]

    def show(self, group: str, version: int, store: ObjectStore | None = None) -> Json:
        """Return a version; with an object store, its metrics too.

        They are under `MetricValues` by the path of the report (`ModelQuality.Statistics`): the JSON
        of the object, or its `Problem`; a report whose object is gone is left out.
        """
        self._group(group)
        package = self._read(group, version)
        if store is None:
            return package
        return {**package, "MetricValues": dict(_metric_values(package, store))}

    def set_approval(self, group: str, version: int, status: str, description: str = "") -> Json:
        """Approve, reject or reset a version; return it as it is then."""
        if status not in STATUSES:
            problem = Problem(
                "is not an approval status",
                path="ModelApprovalStatus",
                found=status,
                allowed=", ".join(STATUSES),
                hint=near_names(status, STATUSES),
            )
            raise RunError([problem])
        self._group(group)
        with self._locked(group):
            package = {**self._read(group, version), "ModelApprovalStatus": status}
            package["ApprovalDescription"] = description
            package["LastModifiedTime"] = time.time()
            self._write(package)
            return package

    def latest_approved(self, group: str) -> Json:
        """Return the newest version whose status is Approved."""
        for package in self.list_versions(group):
            if package["ModelApprovalStatus"] == APPROVED:
                return package
        raise RunError(
            [
                Problem(
                    f"model package group '{group}' has no approved version",
                    hint="approve one with `smp models approve`",
                )
            ]
        )

    def _make_group(self, group: str, description: str | None) -> None:
        path = self.root / group / "group.json"
        if path.exists():
            return
        optional = {"ModelPackageGroupDescription": description} if description else {}
        record = {
            "ModelPackageGroupName": group,
            "ModelPackageGroupArn": _arn("model-package-group", group),
            "ModelPackageGroupStatus": "Completed",
            "CreationTime": time.time(),
            **optional,
        }
        write_atomically(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    def _group(self, group: str) -> Json:
        path = self.root / group / "group.json"
        if not _NAME.fullmatch(group) or not path.exists():
            known = sorted(path.parent.name for path in self.root.glob("*/group.json"))
            problem = Problem(
                f"there is no model package group '{group}'",
                allowed=", ".join(known) or "no model was registered yet",
                hint=near_names(group, known),
            )
            raise RunError([problem])
        return _load(path)

    def _numbers(self, group: str) -> list[int]:
        versions = (self.root / group / "versions").glob("*.json")
        return sorted(int(path.stem) for path in versions if path.stem.isdecimal())

    def _read(self, group: str, version: int) -> Json:
        path = self.root / group / "versions" / f"{version}.json"
        if not path.exists():
            problem = Problem(
                f"model package group '{group}' has no version {version}",
                allowed=", ".join(map(str, self._numbers(group))) or "it has none yet",
            )
            raise RunError([problem])
        return _load(path)

    def _write(self, package: Mapping[str, Any]) -> None:
        directory = self.root / package["ModelPackageGroupName"] / "versions"
        text = json.dumps(package, indent=1, ensure_ascii=False) + "\n"
        write_atomically(directory / f"{package['ModelPackageVersion']}.json", text)

    @contextlib.contextmanager
    def _locked(self, group: str) -> Iterator[None]:
        """Keep other writers of a group out; the system ends the lock with the process.

        What a killed writer left half written is removed, since nobody else can be writing.
        """
        directory = self.root / group
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for unfinished in directory.rglob(".*.json.*"):
                unfinished.unlink()
            yield


def group_name(request: Mapping[str, Any]) -> str:
    """Return the name of the group that a request names by name or ARN."""
    given = str(request.get("ModelPackageGroupName", ""))
    name = given.rpartition("/")[2] if given.startswith("arn:") else given
    if not _NAME.fullmatch(name):
        raise RunError(
            [
                Problem(
                    "is not a model package group; the registry keeps versions of groups only",
                    path="ModelPackageGroupName",
                    found=given or None,
                    allowed="1 to 63 letters, digits and hyphens, a letter or digit at both ends",
                )
            ]
        )
    return name


def _package(group: str, number: int, request: Mapping[str, Any], token: str) -> Json:
    return {
        "ModelApprovalStatus": PENDING,
        **{key: value for key, value in request.items() if key != "Tags"},
        "ModelPackageGroupName": group,
        "ModelPackageVersion": number,
        "ModelPackageArn": _arn("model-package", f"{group}/{number}"),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "CreationTime": time.time(),
        "ClientToken": token,
    }


def _metric_values(package: Mapping[str, Any], store: ObjectStore) -> Iterator[tuple[str, Any]]:
    for kind, reports in package.get("ModelMetrics", {}).items():
        for name, report in reports.items():
            file = store.path_of(report["S3Uri"])
            if file.is_file():
                yield f"{kind}.{name}", _metric_value(file)


def _metric_value(file: Path) -> Any:
    try:
        return read_report(file)
    except ValueError as error:
        return {"Problem": str(error)}


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:{kind}/{name}"


def _load(path: Path) -> Json:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    assert isinstance(value, dict)
    return value
