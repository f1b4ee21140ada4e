"""The published JSON schema of the definition: what it can still say about today's definitions.

It is from 2025-04 and carries no licence: it is read where it lies, and what it is known to reject wrongly
is left out before it is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from smp.definition.compiled import CONTAINERS
from tests.compiler.compiling import ROOT, compile_demo

SCHEMA = ROOT.parent / "shared" / "schema" / "pipeline-definition.schema.json"
GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))

pytestmark = pytest.mark.skipif(
    not SCHEMA.is_file(), reason="the published schema is not beside the checkout"
)
STALE: dict[str, frozenset[str]] = {
    "QualityCheck": frozenset({"FailOnViolation"}),
    "ClarifyCheck": frozenset({"FailOnViolation"}),
    "Processing": frozenset({"ContainerEntrypoint", "ContainerArguments", "PropertyFiles"}),
    "Training": frozenset({"ContainerEntrypoint", "ContainerArguments", "CompressionType"}),
    "Tuning": frozenset({"CompressionType", "RandomSeed"}),
    "Model": frozenset({"ModelDataUrl"}),
    "RegisterModel": frozenset(
        {"CustomerMetadataProperties", "Environment", "ModelApprovalStatus", "SkipModelValidation"}
    ),
}
"""Members that the service takes in a step, or takes as an expression, and the schema does not."""


def known_part(definition: Any) -> Any:
    """Take away what the schema rejects though the service takes it."""
    kept = {key: value for key, value in definition.items() if key != "PipelineExperimentConfig"}
    return {**kept, "Steps": [known_step(step) for step in definition["Steps"]]}


def known_step(step: Any) -> Any:
    """Take away the same from a step, and from those inside it."""
    branches = {key: step["Arguments"].pop(key) for key in CONTAINERS if key in step["Arguments"]}
    known = without(step, STALE.get(step["Type"], frozenset()))
    for key, steps in branches.items():
        known["Arguments"][key] = [known_step(inner) for inner in steps]
    return one_exception_a_policy(known)


def one_exception_a_policy(step: Any) -> Any:
    """Write a policy for several exceptions as several: the schema has it so, the SDK does not."""
    policies = step.get("RetryPolicies", [])
    single = [{**p, "ExceptionType": name} for p in policies for name in p["ExceptionType"]]
    return {**step, "RetryPolicies": single} if policies else step


def without(value: Any, members: frozenset[str]) -> Any:
    """Leave members out at any depth, and put a known expression where a newer one is."""
    if isinstance(value, list):
        return [without(item, members) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) in ({"Std:Join"}, {"Std:JsonGet"}):
        return {"Get": "Execution.PipelineExecutionId"}
    return {key: without(item, members) for key, item in value.items() if key not in members}


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_a_golden_definition_is_valid(path: Path) -> None:
    assert faults_of(json.loads(path.read_text(encoding="utf-8"))["definition"]) == []


def test_functions_queues_and_checks_are_valid(tmp_path: Path) -> None:
    steps = """
ask: Lambda, function: ask, inputs: {a: 1}, outputs: {ok: Boolean, share: Float}
wait: Callback, queue: people, inputs: {ok: '${ask.outputs.ok}'}, outputs: {id: String}
data: QualityCheck, check: data_quality, baseline_dataset: 's3://data/x.csv'
"""
    steps += "model: QualityCheck, check: model_quality, baseline_dataset: 's3://data/y.csv', "
    steps += "problem_type: Regression, ground_truth_attribute: y, inference_attribute: p\n"
    steps += "fit: Training\nserve: CreateModel\n"
    steps += "why: ClarifyCheck, check: model_explainability, baseline_dataset: 's3://data/y.csv'"
    assert faults_of(compile_demo(tmp_path, steps).definition) == []


def faults_of(definition: Any) -> list[str]:
    """Return what the schema rejects in a definition."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(known_part(definition))
    ]
