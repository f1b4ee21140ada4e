"""Functions of constructs and stacks stay short enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 32
"""Of a body, without its docstring."""


def body_lines(function: ast.FunctionDef) -> int:
    first = function.body[1:2] if ast.get_docstring(function) else function.body[:1]
    if not first:
        return 0
    assert function.end_lineno is not None
    return function.end_lineno - first[0].lineno + 1


def long_functions(directory: Path) -> Iterator[str]:
    for file in sorted(directory.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and body_lines(node) > MAX_LINES:
                yield f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}: {body_lines(node)} lines"


@pytest.mark.parametrize("directory", ["constructs_lib", "stacks"])
def test_functions_have_at_most_32_lines(directory: str) -> None:
    assert list(long_functions(ROOT / directory)) == []
