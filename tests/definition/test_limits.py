"""The service's limits on a whole definition."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.request_check import check_limits
from smp.errors import CompileError
from tests.compiler.compiling import compile_demo
from tests.graph.workspace import SECTIONS


def problems(definition: Json) -> list[str]:
    return [str(found) for found in check_limits(CompiledPipeline("p", definition, (), Path()))]


def test_a_definition_of_exactly_the_limit_is_taken() -> None:
    frame = len('{"Steps":[""]}')
    assert problems({"Steps": ["x" * (1_048_576 - frame)]}) == []
    assert problems({"Steps": ["x" * (1_048_577 - frame)]}) == [
        "the definition has 1,048,577 characters\n    allowed: 1,048,576 (CreatePipeline)\n"
        "    hint: split the pipeline in two"
    ]


def test_parameters_are_counted_and_measured() -> None:
    parameter = {"Name": "a", "DefaultValue": "x" * 1024}
    assert problems({"Parameters": [parameter] * 200}) == []
    assert problems({"Parameters": [parameter] * 201}) == [
        "it has 201 parameters\n    allowed: 200"
    ]
    assert problems({"Parameters": [{"Name": "a", "DefaultValue": "x" * 1025}]}) == [
        "the default of parameter 'a' has 1,025 characters\n    allowed: 1,024"
    ]


def test_fails_for_a_pipeline_that_is_too_large(tmp_path: Path) -> None:
    names = [f"s{index}" for index in range(50)]
    values = ", ".join(f"V{index}: {'x' * 250}" for index in range(90))
    section = f"{SECTIONS['preprocess'][:-1]}, env: {{{values}}}}}"
    with pytest.raises(CompileError) as error:
        compile_demo(
            tmp_path, "\n".join(f"{name}: Processing" for name in names), demo__preprocess=section
        )
    assert str(error.value).startswith("demo: the definition has 1,")
