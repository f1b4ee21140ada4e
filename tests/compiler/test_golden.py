"""The definitions of the bundled and the public examples, whole.

Hashes of code are masked: an example's script may change without a golden file.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.request_check import check_requests
from smp.graph import PipelineGraph
from tests.compiler.compiling import SEEDS, example_graphs, seed_graphs

GOLDEN = Path(__file__).with_name("golden")
EXAMPLES = (
    "churn-batch",
    "churn-lightgbm",
    "housing",
    "summarization-llm",
    "video-recommender",
)
SEED_PIPELINES = ("Falcon40b-fine-tune", "calhousing-test", "lgbm-test")

needs_seeds = pytest.mark.skipif(
    not SEEDS.is_dir(), reason="the public example configs are not beside the checkout"
)


def masked(compiled: CompiledPipeline) -> str:
    """The definition and what it refers to, without the hashes of code."""
    value = {
        "definition": compiled.definition,
        "images": {name: sorted(uris) for name, uris in compiled.images.items()},
        "model_package_groups": [group.name for group in compiled.model_package_groups],
        "order": compiled.order(),
        "edges": compiled.edges(),
    }
    text = json.dumps(value, indent=2) + "\n"
    for tree in compiled.code:
        text = text.replace(tree.sha256, f"<code:{tree.origin}>")
    return text


def check_golden(compiled: CompiledPipeline, update: bool, kind: str = "") -> None:
    path = GOLDEN / f"{compiled.name}{kind}.json"
    if update:
        path.write_text(masked(compiled), encoding="utf-8")
    assert path.is_file(), "no golden definition: pytest tests/compiler --update-golden"
    assert json.loads(masked(compiled)) == json.loads(path.read_text(encoding="utf-8"))


@cache
def examples() -> dict[str, PipelineGraph]:
    return {graph.name: graph for graph in example_graphs()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bundled_example_compiles_to_its_golden_definition(
    name: str, tmp_path: Path, update_golden: bool
) -> None:
    compiled = compile_pipeline(examples()[name], tmp_path)
    check_golden(compiled, update_golden)
    assert check_requests(compiled) == []


def test_a_search_in_place_of_a_training_compiles_to_its_golden_definition(
    tmp_path: Path, update_golden: bool
) -> None:
    graphs = {graph.name: graph for graph in example_graphs("prod")}
    compiled = compile_pipeline(graphs["video-recommender"], tmp_path)
    check_golden(compiled, update_golden, kind=".prod")
    assert check_requests(compiled) == []


def test_every_bundled_example_has_a_golden_definition() -> None:
    assert sorted(examples()) == sorted(EXAMPLES)


@needs_seeds
@pytest.mark.parametrize("name", SEED_PIPELINES)
def test_a_public_example_compiles_unchanged_to_its_golden_definition(
    name: str, tmp_path: Path, update_golden: bool
) -> None:
    graphs = {graph.name: graph for graph in seed_graphs(tmp_path / "workspace")}
    assert sorted(graphs) == sorted(SEED_PIPELINES)
    compiled = compile_pipeline(graphs[name], tmp_path / "store")
    check_golden(compiled, update_golden)
    assert check_requests(compiled) == []
