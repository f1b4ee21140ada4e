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


def runtime_files(has_lookup: bool) -> Mapping[str, str]:
    """Return the text of each file that belongs beside DAGs, by its name."""
    found = {RUNTIME: _text("smp.export.airflow.runtime", RUNTIME)}
    if has_lookup:
        found[LOOKUP] = _text("smp.lookup", "approved_model.py")
    return found


@cache
def exported_names() -> tuple[str, ...]:
    """Return what a DAG may import of the runtime: its `__all__`, in the order of the formatter."""
    module = ast.parse(_text("smp.export.airflow.runtime", RUNTIME))
    (names,) = (
        statement.value
        for statement in module.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
    )
    return tuple(ast.literal_eval(names))


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")
