"""docs/targets.md says of each step class what the exporters do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from smp.config.steps.any_step import AnyStep
from smp.export.airflow.checks import KINDS as OF_A_DAG
from smp.export.airflow.serverless_checks import KINDS as OF_A_SERVERLESS_WORKFLOW
from smp.export.stepfunctions.refusals import KINDS as OF_A_STATE_MACHINE
from smp.local.engine.step_support import RUNNABLE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "targets.md"
KIND_OF_CLASS = {
    "Metrics": "Processing",
    "NotebookJob": "Training",
    "CreateModel": "Model",
    "ApprovedModel": "Lambda",
}
"""The type of the step that a class becomes, where it has another name."""
COLUMNS = {
    "Step Functions": OF_A_STATE_MACHINE,
    "Airflow": OF_A_DAG,
    "MWAA Serverless": OF_A_SERVERLESS_WORKFLOW,
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
    assert refused == {name for name, kind in kinds.items() if kind not in COLUMNS[column]}


def test_what_is_refused_here_is_what_a_local_run_cannot_run() -> None:
    refused = {name for name, row in rows().items() if row["Local (`smp run`)"] == "refused"}
    by_stand_in = {n for n, row in rows().items() if "local_stand_in" in row["Local (`smp run`)"]}
    kinds = {name: KIND_OF_CLASS.get(name, name) for name in rows()}
    looked_up = {"ApprovedModel"}
    cannot = {name for name, kind in kinds.items() if kind not in RUNNABLE} - looked_up
    assert refused | by_stand_in == cannot
