"""What a lookup in the model registry needs: of its function, and of the pipeline that uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smp.definition.permissions.access import Access
from smp.definition.permissions.statement import (
    Statement,
    key_arns,
    objects,
    regional_arn,
    through_s3,
)

NUMBERED = "The registry numbers the versions of a group."


def lookup_statements(access: Access) -> Iterator[Statement]:
    """Read versions of the named groups, and the metrics reports that conditions compare."""
    lookups = access.lookups
    packages = package_arns(item.group for item in lookups)
    yield Statement(
        "FindVersions",
        ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
        [*group_arns(item.group for item in lookups), *packages],
        wildcard=NUMBERED,
    )
    reports = sorted({uri for item in lookups for uri in item.reports})
    yield Statement(
        "ReadReports",
        ["s3:GetObject"],
        objects(reports),
        wildcard="Reports are below the prefix in the definition, one directory an execution.",
    )
    keys = key_arns(access) if reports else []
    yield Statement("DecryptReports", ["kms:Decrypt"], keys, through_s3())


def model_statements(access: Access) -> Iterator[Statement]:
    """Make models of versions: CreateModel is authorised for the version, too."""
    yield Statement(
        "UseVersions",
        ["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"],
        package_arns(item.group for item in access.lookups if item.serves),
        wildcard=NUMBERED,
    )


def group_arns(groups: Iterable[str]) -> list[str]:
    """Return the ARNs of model package groups, which may be in lower case."""
    return [regional_arn("sagemaker", f"model-package-group/{name}") for name in _spellings(groups)]


def package_arns(groups: Iterable[str]) -> list[str]:
    """Return what matches the ARNs of all versions of model package groups."""
    return [regional_arn("sagemaker", f"model-package/{name}/*") for name in _spellings(groups)]


def _spellings(groups: Iterable[str]) -> list[str]:
    return sorted({spelling for group in groups for spelling in (group, group.lower())})
