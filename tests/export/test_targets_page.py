"""docs/targets.md says of each step class what the exporters do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from smp.config.steps.any_step import AnyStep
from smp.definition.step_types import Refused
from smp.export.airflow.step_types import DAG_STEPS, SERVERLESS_STEPS
from smp.export.stepfunctions.step_types import STEPS
from smp.local.jobs.kinds import JOBS, Job

PAGE = Path(__file__).resolve().parents[2] / "docs" / "targets.md"
KIND_OF_CLASS = {
    "Metrics": "Processing",
    "CreateModel": "Model",
}
"""The type of the step that a class becomes, where it has another name."""
COLUMNS: Mapping[str, Mapping[str, object]] = {
    "Step Functions": STEPS,
    "Airflow": DAG_STEPS,
    "MWAA Serverless": SERVERLESS_STEPS,
}


def rows() -> dict[str, dict[str, str]]:
    """The table of step classes: what stands of a class in each column."""
    table = PAGE.read_text("utf-8").partition("## Step classes\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {
        name: dict(zip(head, cells, strict=True))
        for cells in body
        for name in re.findall(r"`(\w+)`", cells[0])
    }


def step_classes() -> set[str]:
    union, _ = get_args(AnyStep)
    return {
        name
        for model in get_args(union)
        for name in get_args(model.model_fields["step_class"].annotation)
    }


def test_the_page_has_every_step_class() -> None:
    assert set(rows()) == step_classes()


@pytest.mark.parametrize("column", COLUMNS)
def test_what_is_refused_is_what_the_exporter_refuses(column: str) -> None:
    refused = {name for name, row in rows().items() if row[column] == "refused"}
    kinds = {name: KIND_OF_CLASS.get(name, name) for name in rows()}
    handled = COLUMNS[column]
    assert refused == {n for n, kind in kinds.items() if isinstance(handled[kind], Refused)}


def test_what_is_refused_here_is_what_a_local_run_cannot_run() -> None:
    refused = {name for name, row in rows().items() if row["Local (`smp run`)"] == "refused"}
    by_stand_in = {n for n, row in rows().items() if "local_stand_in" in row["Local (`smp run`)"]}
    kinds = {name: KIND_OF_CLASS.get(name, name) for name in rows()}
    handled = {name: JOBS[kind] for name, kind in kinds.items()}
    assert refused == {name for name, one in handled.items() if isinstance(one, Refused)}
    assert by_stand_in == {n for n, one in handled.items() if isinstance(one, Job) and one.refused}
