"""Runs the local stand-in of a check as the processing job that SageMaker's image would be.

The local stand-in compares the data and writes what is wrong into constraint_violations.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smp.definition.compiled import CODE_PREFIX
from smp.errors import RunError
from smp.local.jobs.context import StepContext, StepFailure
from smp.local.jobs.processing import run_processing
from smp.local.store.places import BUCKET
from smp.local.store.reports import read_report

CODE = "/opt/ml/processing/input/code"
VIOLATIONS = "constraint_violations.json"
SHOWN_VIOLATIONS = 5


RESULTS: Mapping[str, Mapping[str, str]] = {
    "QualityCheck": {"Statistics": "statistics.json", "Constraints": "constraints.json"},
    "ClarifyCheck": {"Constraints": "analysis.json"},
}
"""The files of the new baseline, by type of step and kind of result."""


def run_check(context: StepContext) -> dict[str, Any]:
    """Run the stand-in and return the baselines as the service names them.

    It finds the data where the step's inputs lie, and writes the files of `RESULTS` and, where it compared
    them, constraint_violations.json to where the step's output lies.
    """
    if context.stand_in is None:
        raise RunError("the step has no local_stand_in")
    result = run_processing(_with_stand_in(context))
    (output,) = context.arguments["ProcessingOutputConfig"]["Outputs"]
    uri = str(output["S3Output"]["S3Uri"]).rstrip("/")
    for name in RESULTS[context.step["Type"]].values():
        if not context.store.path_of(f"{uri}/{name}").is_file():
            place = output["S3Output"]["LocalPath"]
            raise StepFailure(f"the stand-in wrote no {name} below {place}")
    found = _violations(context, f"{uri}/{VIOLATIONS}")
    if found and context.step["FailOnViolation"] and not context.step["SkipCheck"]:
        shown = "; ".join(map(str, found[:SHOWN_VIOLATIONS]))
        raise StepFailure(f"the data violates its baseline {len(found)} times: {shown}")
    return {**result, **_baselines(context, uri)}


def _with_stand_in(context: StepContext) -> StepContext:
    assert context.stand_in is not None
    code = {
        "InputName": "code",
        "S3Input": {
            "S3Uri": f"s3://{BUCKET}/{CODE_PREFIX}/{context.stand_in.code.sha256}/",
            "LocalPath": CODE,
            "S3DataType": "S3Prefix",
        },
    }
    arguments = {
        **context.arguments,
        "ProcessingInputs": [*context.arguments["ProcessingInputs"], code],
        "AppSpecification": {
            **context.arguments["AppSpecification"],
            "ContainerEntrypoint": ["python3", f"{CODE}/{context.stand_in.script}"],
        },
    }
    return replace(context, arguments=arguments)


def _violations(context: StepContext, uri: str) -> list[Any]:
    path = context.store.path_of(uri)
    if not path.is_file():
        return []
    try:
        content = read_report(path)
    except ValueError as error:
        raise StepFailure(f"the stand-in's {VIOLATIONS} {error}") from error
    found = content.get("violations") if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise StepFailure(f"the stand-in's {VIOLATIONS} has no list 'violations'")
    return found


def _baselines(context: StepContext, uri: str) -> dict[str, str]:
    """Return the new baseline, and the one of later drift checks: new, or as supplied."""
    found = {}
    for kind, name in RESULTS[context.step["Type"]].items():
        new = f"{uri}/{name}"
        found[f"CalculatedBaseline{kind}"] = new
        supplied = context.step.get(f"SuppliedBaseline{kind}")
        is_new = context.step["RegisterNewBaseline"] or supplied is None
        found[f"BaselineUsedForDriftCheck{kind}"] = new if is_new else str(supplied)
    return found
