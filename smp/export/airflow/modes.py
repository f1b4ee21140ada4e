"""The DAG of a pipeline in its mode: one that runs the steps, or one that starts the pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.statement import Statement
from smp.export.airflow.checks import dag_notes
from smp.export.airflow.dag import render_steps_dag
from smp.export.airflow.permissions import steps_permissions
from smp.export.airflow.start import render_start_dag, start_notes, start_permissions
from smp.export.workflow import read_workflow


def render_dag(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return the text of each file of a DAG by its path in the directory of DAGs.

    Raises ExportError with all that the DAG cannot express.
    """
    return (render_start_dag if _starts(compiled) else render_steps_dag)(compiled)


def dag_permissions(compiled: CompiledPipeline) -> tuple[Statement, ...]:
    """Return what the tasks of a pipeline's DAG need, for the role that Airflow's workers have."""
    return (start_permissions if _starts(compiled) else steps_permissions)(compiled)


def dag_differences(compiled: CompiledPipeline) -> tuple[str, ...]:
    """Return what holds differently in the DAG, a sentence for each."""
    if _starts(compiled):
        return tuple(start_notes(compiled))
    return dag_notes(compiled, read_workflow(compiled))


def _starts(compiled: CompiledPipeline) -> bool:
    return compiled.airflow_mode == "start"
