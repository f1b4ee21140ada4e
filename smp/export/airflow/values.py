"""The deploy-time values that a DAG needs, and the file beside it that gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import LIST_VALUES
from smp.export.airflow.constants import value_names
from smp.export.airflow.start import start_workflow
from smp.export.bundle import description_of
from smp.export.workflow import read_workflow


def dag_values(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return the names in a DAG's `<dag id>_values.json`, each with what it is."""
    starts = compiled.airflow_mode == "start"
    workflow = start_workflow(compiled) if starts else read_workflow(compiled)
    return {name: description_of(name) for name in value_names(workflow)}


def values_text(compiled: CompiledPipeline) -> str:
    """Return that file with deploy-time names in the place of values: a DAG takes none of them for one."""
    names = {name: f"${{smp:{name}}}" for name in dag_values(compiled)}
    values = {name: [text] if name in LIST_VALUES else text for name, text in names.items()}
    return json.dumps(values, indent=2) + "\n"
