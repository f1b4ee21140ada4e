"""What `smp validate` accepts compiles, synthesizes, exports or is refused by name, and arrives unchanged.

2,000 configurations of any text; ANY_TEXT_CONFIGS=20000 draws more. All pipelines that are synthesized
share a few apps: starting the CDK is the slow part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_into
from smp.config.load import load_project
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline, ModelPackageGroup
from smp.definition.expressions import BEGIN
from smp.errors import ConfigError, ScriptError
from smp.export.airflow.export import export_dag, export_serverless
from smp.export.refusal import ExportError
from smp.export.stepfunctions.export import export_state_machine
from smp.graph import build_graphs
from tests.any_text import FREE, Path_, drawn, write_workspace
from tests.stacks.synthesis import synthesize

CONFIGS = int(os.environ.get("ANY_TEXT_CONFIGS", "2000"))
SYNTHESIZED = CONFIGS // 25
IN_ONE_APP = 40


@dataclass
class Outcomes:
    """What became of the drawn configurations."""

    accepted: dict[int, CompiledPipeline] = field(default_factory=dict)
    refused: int = 0
    failures: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    root = tmp_path_factory.mktemp("any-text")
    file, store = write_workspace(root), CodeStore(root / "store")
    found = Outcomes()
    for number in range(CONFIGS):
        conf, texts = drawn(number)
        file.write_text(json.dumps(conf), "utf-8")
        try:
            (graph,) = build_graphs(load_project(root))
        except (ConfigError, ScriptError) as error:
            found.refused += 1
            if not all(line.isprintable() for line in str(error).splitlines()):
                found.failures.append(f"{number}: a message hides characters: {error!r}")
            continue
        try:
            compiled = compile_into(graph, store)
            found.failures += [f"{number}: {text}" for text in _changed(compiled, texts)]
            found.failures += [f"{number}: {text}" for text in _not_exported(compiled)]
        except Exception as error:
            found.failures.append(f"{number}: {texts}: {error!r}")
            continue
        found.accepted[number] = compiled
    return found


def _changed(compiled: CompiledPipeline, texts: Mapping[Path_, str]) -> Iterator[str]:
    """Yield each text that is not in the definition, nor in what is deployed beside it."""
    groups = [group.description for group in compiled.model_package_groups]
    beside = [compiled.description, compiled.display_name, compiled.tags, groups]
    whole = json.dumps([compiled.definition, *beside])
    for path, text in texts.items():
        if BEGIN in text or not FREE.intersection(path):
            continue
        written = text.strip("/") if str(path[-1]).lower().endswith("prefix") else text
        plain = json.dumps(written)[1:-1]
        if plain not in whole and json.dumps(plain)[1:-1] not in whole:
            yield f"{path}: {text!r} does not arrive"


def _not_exported(compiled: CompiledPipeline) -> Iterator[str]:
    for export in (export_state_machine, export_dag, export_serverless):
        try:
            export(compiled)
        except ExportError as error:
            if not str(error).startswith("demo"):
                yield f"{export.__name__} refuses without a name: {error}"


def test_what_validate_accepts_compiles_exports_and_arrives(outcomes: Outcomes) -> None:
    assert outcomes.failures == []
    assert len(outcomes.accepted) > CONFIGS / 5
    assert outcomes.refused > CONFIGS / 5


def test_what_validate_accepts_passes_every_check_of_a_synthesis(
    outcomes: Outcomes, tmp_path: Path
) -> None:
    chosen = [
        replace(compiled, name=f"demo-{number}", model_package_groups=_renamed(compiled, number))
        for number, compiled in list(outcomes.accepted.items())[:SYNTHESIZED]
    ]
    for start in range(0, len(chosen), IN_ONE_APP):
        synthesized = synthesize(tmp_path / str(start), chosen[start : start + IN_ONE_APP], {})
        for compiled in chosen[start : start + IN_ONE_APP]:
            (resource,) = synthesized.resources(
                f"Smp-Pipeline-{compiled.name}", "AWS::SageMaker::Pipeline"
            ).values()
            body = resource["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]
            assert "${" not in json.dumps(body)
            assert _texts_of(json.loads(_joined(body))) == _texts_of(compiled.definition)


def _renamed(compiled: CompiledPipeline, number: int) -> tuple[ModelPackageGroup, ...]:
    return tuple(replace(g, name=f"{g.name}-{number}") for g in compiled.model_package_groups)


def _joined(value: Any) -> str:
    """Return a text of a template, with a mark in place of what only a deployment knows."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(_joined, parts))
    return "<deployed>"


def _texts_of(value: Any) -> list[str]:
    """Return every text that holds nothing that only a deployment knows."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts_of(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts_of(item)]
    known = isinstance(value, str) and "<deployed>" not in value and "${smp:" not in value
    return [value] if known else []
