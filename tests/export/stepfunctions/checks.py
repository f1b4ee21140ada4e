"""What checks a state machine without running it: asl-validator, and the shapes of the API's requests.

It never renders one.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from smp.definition.request_check import check_step_request
from smp.definition.step_types import STEP_TYPES

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / ".venv/bin/node"
CODE = re.compile(r"\{%.*%\}", re.DOTALL)
TYPES = {
    row.call.operation[0].lower() + row.call.operation[1:]: name
    for name, row in STEP_TYPES.items()
    if row.call and row.form_of is None and not row.compares_baselines
}
OTHERS = {
    "s3:getObject": ("s3", "GetObject"),
    "sagemaker:describeModelPackageGroup": ("sagemaker", "DescribeModelPackageGroup"),
    "sagemaker:createModelPackageGroup": ("sagemaker", "CreateModelPackageGroup"),
    "lambda:invoke": ("lambda", "Invoke"),
}
SCRIPT = """
const validate = require('asl-validator');
const machines = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const told = machines.map(machine => {
  const found = validate(machine, {checkPaths: true, checkArn: true});
  return found.errors.map(error => error['Error code'] + ' ' + (error.Message || JSON.stringify(error)));
});
console.log(JSON.stringify(told));
"""


def validated(machines: list[Json]) -> list[list[str]]:
    """Return what asl-validator finds wrong with each state machine; one process for all."""
    done = subprocess.run(
        [NODE, "-e", SCRIPT],
        cwd=ROOT,
        input=json.dumps(machines),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def states_in(machine: Json) -> Iterator[tuple[str, Json]]:
    """Yield every state, those in branches too."""
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from states_in(branch)


def request_faults(machine: Json) -> list[str]:
    """Return what the services would refuse of the requests of a state machine."""
    return [
        f"{name}: {fault}"
        for name, state in states_in(machine)
        if state["Type"] == "Task"
        for fault in _faults(state)
    ]


def _faults(state: Json) -> Iterator[str]:
    service, _, action = state["Resource"].removeprefix("arn:aws:states:::").rpartition(":")
    action = action.removesuffix(".sync")
    arguments = _with_expressions(state["Arguments"])
    if action in TYPES:
        faults = check_step_request({"Type": TYPES[action], "Arguments": arguments})
        yield from (f"{path}: {reason}" for path, reason in faults)
        return
    name, operation = OTHERS[f"{service.removeprefix('aws-sdk:')}:{action}"]
    model = botocore.session.get_session().get_service_model(name)
    request: Mapping[str, Any] = state["Arguments"] | ({"Payload": b""} if name == "lambda" else {})
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(request, shape)
    yield from report.generate_report().splitlines()


def _with_expressions(value: Any) -> Any:
    """Return arguments with an expression of the definition language for each piece of JSONata."""
    if isinstance(value, dict):
        return {key: _with_expressions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_expressions(item) for item in value]
    if isinstance(value, str) and CODE.fullmatch(value):
        return {"Get": "Parameters.anything"}
    return value
