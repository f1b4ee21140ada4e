"""Every type of step has a row that is complete, and every engine an entry for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest

from smp.definition.functions import APPROVED_MODEL
from smp.definition.step_types import (
    FOREIGN_ICON,
    STEP_TYPES,
    Refused,
    StepType,
    row_named,
    row_of,
    row_of_metadata,
)
from smp.export.airflow.step_types import DAG_STEPS, SERVERLESS_STEPS
from smp.export.stepfunctions.step_types import STEPS
from smp.local.jobs.kinds import JOBS, Job, job_of
from smp.review.diff.bounds import HOURS

ENGINES: Mapping[str, Mapping[str, Any]] = {
    "local run": JOBS,
    "Step Functions": STEPS,
    "Airflow": DAG_STEPS,
    "MWAA Serverless": SERVERLESS_STEPS,
}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_has_an_entry_for_every_type(engine: str) -> None:
    assert ENGINES[engine].keys() == STEP_TYPES.keys()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refusal_has_a_reason_and_what_to_do_instead(engine: str) -> None:
    refused = [entry for entry in ENGINES[engine].values() if isinstance(entry, Refused)]
    assert all(entry.reason and entry.instead for entry in refused)


def test_the_job_of_every_type_is_there() -> None:
    for name, entry in JOBS.items():
        if isinstance(entry, Job) and STEP_TYPES[name].form_of is None:
            assert callable(job_of({"Name": "one", "Type": name, "Arguments": {}}))


def test_a_review_has_the_hours_of_every_type_that_is_billed() -> None:
    assert HOURS.keys() == {name for name, row in STEP_TYPES.items() if row.billed_as}


def test_a_type_is_billed_if_and_only_if_it_runs_a_job() -> None:
    jobs = {name for name, row in STEP_TYPES.items() if (row.call and row.call.is_job) or row.parts}
    assert jobs == {name for name, row in STEP_TYPES.items() if row.billed_as}


def test_no_two_types_look_alike() -> None:
    icons = [row.icon for row in STEP_TYPES.values()]
    assert len({*icons, FOREIGN_ICON}) == len(icons) + 1


def test_metadata_are_members_that_an_execution_describes_steps_in() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape: Any = model.shape_for("PipelineExecutionStepMetadata")
    assert {row.metadata for row in STEP_TYPES.values()} <= {*shape.members}
    for row in STEP_TYPES.values():
        found = row_of_metadata(row.metadata)
        assert found is not None
        assert found.call is row.call


@pytest.mark.parametrize("row", STEP_TYPES.values(), ids=STEP_TYPES)
def test_what_counts_for_a_cached_result_are_members_of_the_request(row: StepType) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    request: Any = model.operation_model(row.call.operation).input_shape if row.call else None
    assert {*row.cached_by} <= {*(request.members if request else ())}


def test_a_form_of_a_type_is_known_by_what_it_holds() -> None:
    lookup = {"Type": "Lambda", "FunctionArn": APPROVED_MODEL.arn, "Arguments": {}}
    assert row_of(lookup).name == "ApprovedModel"
    assert row_of({**lookup, "FunctionArn": "arn:aws:lambda:::function:own"}).name == "Lambda"
    notebook = {"AlgorithmSpecification": {"ContainerEntrypoint": ["amazon_sagemaker_scheduler"]}}
    assert row_of({"Type": "Training", "Arguments": notebook}).name == "NotebookJob"
    assert row_of({"Type": "Training", "Arguments": {}}).name == "Training"


def test_of_a_foreign_type_costs_are_unknown_and_not_none() -> None:
    assert row_named("AutoML").billed_as == "other"
    assert row_named("AutoML").icon == FOREIGN_ICON
