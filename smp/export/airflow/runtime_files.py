"""The files that DAGs share, as they stand in this package.

It never imports one: they need Airflow.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

RUNTIME = "smp_airflow.py"
LOOKUP = "smp_approved_model.py"
START = "smp_airflow_start.py"
RUNTIME_PACKAGE = "smp.export.airflow.runtime"


def runtime_files(has_lookup: bool = False, starts: bool = False) -> Mapping[str, str]:
    """Return the text of each file that belongs beside DAGs, by its name."""
    found = {RUNTIME: _text(RUNTIME_PACKAGE, RUNTIME)}
    if has_lookup:
        found[LOOKUP] = _text("smp.lookup", "approved_model.py")
    if starts:
        found[START] = _text(RUNTIME_PACKAGE, START)
    return found


def all_runtime_files() -> Mapping[str, str]:
    """Return the text of each file that any DAG needs beside it, by its name."""
    return runtime_files(has_lookup=True, starts=True)


@cache
def exported_names(name: str = RUNTIME) -> tuple[str, ...]:
    """Return what a DAG may import of a file: its `__all__`, in the order of the formatter."""
    module = ast.parse(_text(RUNTIME_PACKAGE, name))
    (names,) = (
        statement.value
        for statement in module.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
    )
    return tuple(ast.literal_eval(names))


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")
