"""The JSON schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from smp.config.documents.schema import json_schema
from tests.config.catalogue import Case, read_cases
from tests.config.workspace import BASE

ROOT = Path(__file__).resolve().parents[3]
BUNDLED = sorted(ROOT.glob("model_configs/*/conf/*.yaml"))
SEEDS = sorted((ROOT.parent / "shared" / "seed_configs").glob("**/conf/*.yaml"))

BEYOND_A_SCHEMA = {
    "tag-of-aws",
    "tag-twice",
    "subnet-is-no-subnet",
    "role-is-a-name",
    "relative-file-without-a-bucket",
    "file-in-a-bucket-of-capitals",
    "prefix-written-as-uri",
    "volume-with-a-leading-zero",
    "group-name-from-a-model-with-a-dot",
    "glob-in-an-address",
    "glob-in-a-prefix",
    "alternatives-in-an-address",
    "line-end-in-an-address",
    "policy-variable-in-an-address",
    "text-that-shows-as-another",
    "control-character",
    "number-that-is-not-finite",
    "hyperparameter-with-a-parameter-in-a-list",
    "description-with-a-line-end",
}
"""Problems with a value that only the loader finds: it knows the service's rules and other keys."""


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(validator: Draft202012Validator, text: str) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(yaml.safe_load(text))]


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((ROOT / "schema/conf.schema.json").read_text())
    assert committed == json_schema(), "write it anew: smp schema -o schema/conf.schema.json"


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.parts[-3])
def test_bundled_configs_are_valid(validator: Draft202012Validator, file: Path) -> None:
    assert faults(validator, file.read_text()) == []


@pytest.mark.skipif(not SEEDS, reason="the public configurations are not beside this checkout")
@pytest.mark.parametrize("file", SEEDS, ids=lambda file: file.parts[-3])
def test_public_configs_are_valid(validator: Draft202012Validator, file: Path) -> None:
    assert faults(validator, file.read_text()) == []


def test_the_valid_file_of_the_catalogue_is_valid(validator: Draft202012Validator) -> None:
    assert faults(validator, BASE) == []


def value_cases() -> list[Case]:
    text = (Path(__file__).parents[1] / "catalogue/values.txt").read_text()
    return [case for case in read_cases() if f"=== {case.id}\n" in text]


@pytest.mark.parametrize("case", value_cases(), ids=lambda case: case.id)
def test_fails_where_the_loader_fails(validator: Draft202012Validator, case: Case) -> None:
    [text] = case.files().values()
    assert bool(faults(validator, text)) is (case.id not in BEYOND_A_SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        ("instance_count: 2", "instance_count: ${env:COUNT}"),
        ("instance_type: ml.m5.large", "instance_type: ${env:INSTANCE}"),
        ("pipelineName: churn", "pipelineName: churn-${env:STAGE}"),
        ("enable_cache: True", "enable_cache: 'true'"),
        ("channels: test", "channels:"),
        ("volume_size_in_gb: 64", "max_run_time_in_seconds: 60"),
        ("approval_status: Approved", "SupportedContentTypes: [text/csv]"),
        ("rounds: 100", "rounds: true"),
    ],
    ids=lambda change: change[1],
)
def test_other_spellings_and_variables_are_valid(
    validator: Draft202012Validator, change: tuple[str, str]
) -> None:
    assert faults(validator, BASE.replace(*change)) == []


@pytest.mark.parametrize(("end", "is_valid"), [("1e-5", True), ("0.1", True), ("1-e5", False)])
def test_a_range_may_begin_in_scientific_notation(
    validator: Draft202012Validator, end: str, *, is_valid: bool
) -> None:
    one = f"{{rate: {{type: continuous, min: {end}, max: 1}}}}"
    tune = f"      tune: {{objective: {{metric: auc}}, ranges: {one}}}\n      train:"
    text = BASE.replace("\n      train:", f"\n{tune}", 1)
    assert (faults(validator, text) == []) is is_valid


def test_every_key_is_described() -> None:
    def keys(schema: dict[str, Any]) -> list[str]:
        return [key for key, value in schema.items() if not value.get("description")]

    definitions = json_schema()["$defs"].values()
    assert [keys(definition.get("properties", {})) for definition in definitions] == [
        [] for _ in definitions
    ]
