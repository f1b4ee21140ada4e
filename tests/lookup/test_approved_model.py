"""What the lookup finds in this machine's registry, by the code that a deployment runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smp.local.jobs.approved_model import LocalObjects, LocalRegistry
from smp.local.store.model_registry import APPROVED, REJECTED, Registry
from smp.local.store.object_store import ObjectStore
from smp.lookup.approved_model import LookupFailure, find_approved

GROUP = "churn"
BUCKET = "s3://smp-local"
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/churn"
REPORT = {"metrics": {"auc": {"value": 0.84}, "by class": [0.7, 0.9], "name": "x"}}


class Account:
    """A registry and an object store in a directory."""

    def __init__(self, root: Path) -> None:
        self.registry = Registry(root / "registry")
        self.store = ObjectStore(root / "s3")
        self.root = root

    def register(self, report: Any = REPORT, **container: str) -> int:
        """Add a version with a report; None leaves the report out."""
        request: dict[str, Any] = {
            "ModelPackageGroupName": GROUP,
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": f"{IMAGE}:1.0",
                        "ModelDataUrl": f"{BUCKET}/models/churn/model.tar.gz",
                        **container,
                    }
                ]
            },
        }
        token = str(len(list(self.root.rglob("*.json"))))
        if report is not None:
            uri = f"{BUCKET}/churn/evaluation/{token}/report.json"
            text = report if isinstance(report, str) else json.dumps(report)
            (self.root / "object").write_text(text, encoding="utf-8")
            self.store.put(self.root / "object", uri)
            request["ModelMetrics"] = {"ModelQuality": {"Statistics": {"S3Uri": uri}}}
        package = self.registry.register(request, token=token)
        return int(package["ModelPackageVersion"])

    def approve(self, version: int) -> None:
        self.registry.set_approval(GROUP, version, APPROVED)

    def look_up(self, **event: str) -> Mapping[str, Any]:
        request = {"ModelPackageGroupName": GROUP, "Version": "latest", "WhenNone": "fail", **event}
        return find_approved(request, LocalRegistry(self.registry), LocalObjects(self.store))


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_the_latest_is_the_newest_approved_version(account: Account) -> None:
    for version in (1, 2, 3):
        assert account.register() == version
    account.approve(2)
    account.approve(1)
    found = account.look_up()
    assert (found["ModelPackageVersion"], found["Exists"]) == (2, True)
    assert found["ModelPackageArn"].endswith(":model-package/churn/2")


def test_a_pinned_version_is_found_though_a_newer_one_is_approved(account: Account) -> None:
    account.approve(account.register())
    account.approve(account.register())
    assert account.look_up(Version="1")["ModelPackageVersion"] == 1


def test_metrics_are_read_by_their_paths(account: Account) -> None:
    account.approve(account.register())
    found = account.look_up(
        Metric1="metrics.auc.value", Metric2='metrics["by class"][1]', Metric3="$.metrics.auc.value"
    )
    assert (found["Metric1"], found["Metric2"], found["Metric3"]) == (0.84, 0.9, 0.84)


@pytest.mark.parametrize("version", ["latest", "1", "7"])
def test_going_on_without_one_has_an_answer_of_every_name(account: Account, version: str) -> None:
    account.register()
    found = account.look_up(Version=version, WhenNone="continue", Metric1="metrics.auc.value")
    assert found == {
        "ModelPackageArn": "",
        "ModelPackageVersion": 0,
        "Exists": False,
        "Metric1": 0.0,
    }


def test_a_group_that_nothing_was_registered_in_has_no_version(account: Account) -> None:
    assert account.look_up(WhenNone="continue")["Exists"] is False


def test_an_image_with_another_tag_is_of_the_same_repository(account: Account) -> None:
    account.approve(account.register(Image=f"{IMAGE}@sha256:{'0' * 64}"))
    assert account.look_up(Images=f"other:1\n{IMAGE}:2.0")["Exists"]


def nothing_approved(account: Account) -> dict[str, str]:
    account.register()
    return {}


def nothing_registered(_: Account) -> dict[str, str]:
    return {}


def pinned_one_is_rejected(account: Account) -> dict[str, str]:
    account.registry.set_approval(GROUP, account.register(), REJECTED)
    return {"Version": "1"}


def pinned_one_is_not_there(account: Account) -> dict[str, str]:
    account.approve(account.register())
    return {"Version": "2"}


def pinned_is_no_number(_: Account) -> dict[str, str]:
    return {"Version": "newest"}


def artefact_elsewhere(account: Account) -> dict[str, str]:
    account.approve(account.register())
    return {"Artifacts": "s3://smp-local/models/other/"}


def image_elsewhere(account: Account) -> dict[str, str]:
    account.approve(account.register())
    return {"Images": "other/image:1"}


def report_elsewhere(account: Account) -> dict[str, str]:
    account.approve(account.register())
    return {"Reports": "s3://smp-local/other/evaluation", "Metric1": "metrics.auc.value"}


def registered_without_a_report(account: Account) -> dict[str, str]:
    account.approve(account.register(report=None))
    return {"Metric1": "metrics.auc.value"}


def report_is_no_json(account: Account) -> dict[str, str]:
    account.approve(account.register(report="auc: 0.8"))
    return {"Metric1": "metrics.auc.value"}


def report_has_no_such_metric(account: Account) -> dict[str, str]:
    account.approve(account.register())
    return {"Metric1": "metrics.f1.value"}


def metric_is_no_number(account: Account) -> dict[str, str]:
    account.approve(account.register())
    return {"Metric1": "metrics.name"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (nothing_approved, "model package group 'churn' has no approved version: approve one"),
        (nothing_registered, "smp models approve churn VERSION"),
        (pinned_one_is_rejected, "version 1 of 'churn' is Rejected, not Approved: approve it"),
        (pinned_one_is_not_there, "has no version 2: pin another"),
        (pinned_is_no_number, "'newest' is no version of churn: 'latest' or a number"),
        (artefact_elsewhere, "is outside of what this pipeline may read: s3://smp-local/models/o"),
        (image_elsewhere, "is none that this pipeline may pull: other/image:1; name it in"),
        (report_elsewhere, "report.json, is outside of what this pipeline may read"),
        (registered_without_a_report, "version 1 of churn was registered without a metrics report"),
        (report_is_no_json, "report.json, is no JSON"),
        (report_has_no_such_metric, "has no 'metrics.f1.value': at '.f1' it has auc, by class, na"),
        (
            metric_is_no_number,
            "'metrics.name' in the metrics report of version 1 of churn is no nu",
        ),
    ],
)
def test_fails_saying_what_to_do(
    given: Callable[[Account], dict[str, str]], said: str, account: Account
) -> None:
    with pytest.raises(LookupFailure) as caught:
        account.look_up(**given(account))
    assert said in str(caught.value)
