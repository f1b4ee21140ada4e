"""What the roles of a pipeline's other engines may do, for a review beside those of SageMaker."""

from __future__ import annotations

from collections.abc import Mapping

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.statement import Statement
from smp.definition.triggers import AIRFLOW, STEP_FUNCTIONS
from smp.export.airflow import dag_permissions
from smp.export.refusal import ExportError
from smp.export.stepfunctions import state_machine_permissions

ENGINES = {
    STEP_FUNCTIONS: ("role of the state machine", state_machine_permissions),
    AIRFLOW: ("role of Airflow, for the DAG", dag_permissions),
}


def target_roles(pipeline: CompiledPipeline) -> Mapping[str, tuple[Statement, ...]]:
    """Return the statements of the role of each engine but SageMaker, by what the role is called.

    A pipeline that an engine cannot express has none there: it is not deployed to it.
    """
    roles = {}
    for target, (role, permissions) in ENGINES.items():
        if target in pipeline.targets:
            try:
                roles[role] = permissions(pipeline)
            except ExportError:
                continue
    return roles
