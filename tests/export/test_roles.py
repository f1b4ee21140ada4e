"""A review sees what the roles of all engines may newly do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smp.definition.compiled import CompiledPipeline
from smp.export.roles import target_roles
from smp.review.diff.compare import compare_pipelines
from tests.stacks.pipelines import full_pipeline

MACHINE, DAG = "role of the state machine", "role of Airflow, for the DAG"


def roles(before: CompiledPipeline, after: CompiledPipeline) -> dict[str, set[str]]:
    """Return the roles whose allowances change, by what happens to them."""
    change = compare_pipelines(before, after, further_roles=target_roles)
    assert change is not None
    found: dict[str, set[str]] = {}
    for item in change.permissions:
        found.setdefault(item.kind.value, set()).add(item.role)
    return found


def test_a_new_target_brings_the_role_of_its_engine(tmp_path: Path) -> None:
    before = full_pipeline(tmp_path)
    after = replace(before, targets=("sagemaker", "stepfunctions", "airflow"))
    assert roles(before, after) == {"added": {MACHINE, DAG}}


def test_without_sagemaker_there_is_no_pipeline_role(tmp_path: Path) -> None:
    before = full_pipeline(tmp_path)
    after = replace(before, targets=("stepfunctions",))
    assert roles(before, after) == {"added": {MACHINE}, "removed": {"pipeline role"}}


def test_a_pipeline_on_sagemaker_alone_has_no_further_role(tmp_path: Path) -> None:
    assert target_roles(full_pipeline(tmp_path)) == {}
