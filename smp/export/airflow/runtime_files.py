"""The files that DAGs share, as they stand in this package.

It never imports one: they need Airflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

RUNTIME = "smp_airflow.py"
LOOKUP = "smp_approved_model.py"


def runtime_files(has_lookup: bool) -> Mapping[str, str]:
    """Return the text of each file that belongs beside DAGs, by its name."""
    found = {RUNTIME: _text("smp.export.airflow.runtime", RUNTIME)}
    if has_lookup:
        found[LOOKUP] = _text("smp.lookup", "approved_model.py")
    return found


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")
