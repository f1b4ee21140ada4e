"""Where property files lie, as far as it is known before a run."""

from __future__ import annotations

from typing import Any

from smp.definition.language import is_expression
from smp.export.workflow import PropertyFile, Workflow


def report_key(workflow: Workflow, file: PropertyFile) -> str:
    """Return the bucket and key of a property file, with a `*` for what only a run knows."""
    written = workflow.task(file.step)
    item = next(
        item for item in written.step["PropertyFiles"] if item["PropertyFileName"] == file.name
    )
    outputs = written.arguments["ProcessingOutputConfig"]["Outputs"]
    output = next(out for out in outputs if out["OutputName"] == item["OutputName"])
    place = _pattern(output["S3Output"]["S3Uri"]).removeprefix("s3://").rstrip("/")
    return f"{place}/{item['FilePath']}"


def _pattern(value: Any) -> str:
    if not is_expression(value):
        return str(value)
    if "Std:Join" not in value:
        return "*"
    join = value["Std:Join"]
    return str(join.get("On", "")).join(_pattern(item) for item in join["Values"])
