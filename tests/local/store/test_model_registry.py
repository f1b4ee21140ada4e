"""The file-based model registry: its shapes, and that nothing is lost if a writer dies."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from smp.errors import RunError
from smp.local.store.model_registry import Registry

REQUEST: dict[str, Any] = {
    "ModelPackageGroupName": "churn",
    "ModelPackageDescription": "trained today",
    "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://b/model.tar.gz"}]},
    "CustomerMetadataProperties": {"stage": "test"},
}

WRITER = """
import sys, itertools
from pathlib import Path
from smp.local.store.model_registry import Registry

registry, name, count = Registry(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for number in range(count) if count else itertools.count():
    made = registry.register({"ModelPackageGroupName": "churn"}, token=f"{name}-{number}")
    print(made["ModelPackageVersion"], flush=True)
    registry.set_approval("churn", made["ModelPackageVersion"], "Approved", name)
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def start_writer(registry: Registry, name: str, count: int) -> subprocess.Popen[str]:
    """Start a process that registers and approves versions, endlessly for a count of 0."""
    command = [sys.executable, "-c", WRITER, str(registry.root), name, str(count)]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


def test_versions_count_up_and_keep_what_was_asked_for(registry: Registry) -> None:
    made = registry.register(REQUEST, token="a", group_description="customers")
    again = registry.register(REQUEST, token="b")
    assert (made["ModelPackageVersion"], again["ModelPackageVersion"]) == (1, 2)
    assert made["ModelApprovalStatus"] == "PendingManualApproval"
    assert made["ModelPackageArn"].endswith(":model-package/churn/1")
    assert {**made, **REQUEST} == made
    assert registry.show("churn", 1) == made
    (group,) = registry.list_groups()
    assert group["ModelPackageGroupName"] == "churn"
    assert group["ModelPackageGroupDescription"] == "customers"
    assert group["ModelPackageGroupArn"].endswith(":model-package-group/churn")
    assert group["LatestVersion"] == 2
    assert [item["ModelPackageVersion"] for item in registry.list_versions("churn")] == [2, 1]


def test_a_group_may_be_named_by_its_arn(registry: Registry) -> None:
    registry.register(REQUEST, token="a")
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/churn"
    made = registry.register({**REQUEST, "ModelPackageGroupName": arn}, token="b")
    assert made["ModelPackageVersion"] == 2
    assert made["ModelPackageGroupName"] == "churn"


def test_approval_changes_status_and_nothing_else(registry: Registry) -> None:
    made = registry.register(REQUEST, token="a")
    registry.register(REQUEST, token="b")
    approved = registry.set_approval("churn", 1, "Approved", "looks good")
    assert approved["ApprovalDescription"] == "looks good"
    assert approved["LastModifiedTime"] >= made["CreationTime"]
    assert {**approved, "ModelApprovalStatus": "PendingManualApproval"}.items() >= made.items()
    assert registry.latest_approved("churn") == approved
    registry.set_approval("churn", 2, "Approved", "")
    assert registry.latest_approved("churn")["ModelPackageVersion"] == 2
    registry.set_approval("churn", 2, "Rejected", "no")
    assert registry.latest_approved("churn")["ModelPackageVersion"] == 1


def test_fails_naming_what_is_there(registry: Registry) -> None:
    with pytest.raises(RunError, match=r"(?s)no model package group 'x'.*no model was registered"):
        registry.list_versions("x")
    registry.register(REQUEST, token="a")
    with pytest.raises(RunError, match=r"(?s)group 'chrun'.*allowed: churn.*did you mean 'churn'"):
        registry.show("chrun", 1)
    with pytest.raises(RunError, match=r"(?s)group 'churn' has no version 9.*allowed: 1"):
        registry.show("churn", 9)
    with pytest.raises(RunError, match=r"(?s)found: approved.*did you mean 'Approved'"):
        registry.set_approval("churn", 1, "approved")
    with pytest.raises(RunError, match="has no approved version"):
        registry.latest_approved("churn")
    with pytest.raises(RunError, match=r"there is no model package group '\.\./churn'"):
        registry.show("../churn", 1)
    with pytest.raises(RunError, match="1 to 63 letters"):
        registry.register({"ModelPackageGroupName": "../x"}, token="a")


def test_processes_that_register_at_once_get_distinct_versions(registry: Registry) -> None:
    writers = [start_writer(registry, f"writer{number}", 25) for number in range(4)]
    numbers = [int(line) for writer in writers for line in writer.communicate()[0].split()]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert sorted(numbers) == list(range(1, 101))
    versions = registry.list_versions("churn")
    assert len({package["ClientToken"] for package in versions}) == 100
    assert {package["ModelApprovalStatus"] for package in versions} == {"Approved"}


def test_a_kill_during_a_write_loses_nothing(registry: Registry) -> None:
    seed = random.Random(7)
    announced: list[int] = []
    for number in range(12):
        writer = start_writer(registry, f"killed{number}", 0)
        assert writer.stdout is not None
        announced.append(int(writer.stdout.readline()))
        time.sleep(seed.uniform(0, 0.03))
        writer.kill()
        announced += [int(line) for line in writer.communicate()[0].split()]
    versions = [package["ModelPackageVersion"] for package in registry.list_versions("churn")]
    assert len(announced) == len(set(announced))
    assert set(announced) <= set(versions)
    assert sorted(versions) == list(range(1, len(versions) + 1))
    registry.register(REQUEST, token="after")
    left = [path for path in registry.root.rglob("*") if path.is_file() and path.name[0] == "."]
    assert [path.name for path in left] == [".lock"]
    for path in registry.root.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
