"""Comments, docstrings, messages and names in the code use the words of the field.

A message is a string of several words. In tests, strings are the material under test and are not
checked. Neither is inline code in backticks.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tooling.habits import INSTEAD, NAMES, habits

ROOT = Path(__file__).resolve().parents[2]

NOT_YET = {
    "smp/compiler",
    "smp/config",
    "smp/definition",
    "smp/export",
    "smp/graph",
    "smp/local",
    "smp/lookup",
    "tests",
}
"""Packages that are not clean yet. The list only shrinks."""

ALLOWED: dict[str, tuple[str, ...]] = {
    "tests/tooling/habits.py": tuple(INSTEAD) + tuple(NAMES),
}
"""Phrases that may stay in a file although they contain such a word, by its path."""


def packages() -> dict[str, list[Path]]:
    """Return the source files of each package; smp is split into its packages."""
    files = {"app.py": [ROOT / "app.py"]}
    for folder in ("constructs_lib", "smp", "stacks", "tests", "tools"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT).parts
            name = "/".join(parts[:2]) if folder == "smp" else folder
            files.setdefault(name, []).append(file)
    return files


PACKAGES = packages()


def prose(text: str) -> str:
    """Return the text without its inline code, its lines kept."""
    return re.sub(r"``[^`]*``|`[^`\n]*`", "``", text)


def texts(source: str, *, strings: bool) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment block, docstring and, if asked for, message."""
    block: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if block and block[-1][0] != token.start[0] - 1:
                yield block[0][0], "\n".join(text for _, text in block)
                block = []
            block.append((token.start[0], token.string.lstrip("# ")))
    if block:
        yield block[0][0], "\n".join(text for _, text in block)
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_message = strings and re.search(r"\w[,:;]? \w|^ \w", node.value)
            if id(node) in docstrings or is_message:
                yield node.lineno, node.value


def names(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of each name that the source defines."""
    for node in ast.walk(ast.parse(source)):
        name = {
            ast.FunctionDef: "name",
            ast.AsyncFunctionDef: "name",
            ast.ClassDef: "name",
            ast.arg: "arg",
            ast.Attribute: "attr",
            ast.keyword: "arg",
        }.get(type(node))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = "id"
        if name and isinstance(found := getattr(node, name), str):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", found).strip("_").split("_")
            yield getattr(node, "lineno", 1), " ".join(words)


def problems(file: Path) -> Iterator[str]:
    """Yield each habit in a file, with its line."""
    source = file.read_text("utf-8")
    path = file.relative_to(ROOT).as_posix()
    allowed = ALLOWED.get(path, ())
    in_tests = path.startswith("tests/")
    for line, text in texts(source, strings=not in_tests):
        for found in habits(prose(text), allowed):
            yield f"{path}:{line}: {found}"
    names_in_file = [(1, file.stem.replace("_", " ")), *names(source)]
    for line, text in names_in_file:
        for found in habits(text, allowed, NAMES):
            yield f"{path}:{line}: name '{text}': {found}"


@pytest.mark.parametrize("package", sorted(PACKAGES.keys() - NOT_YET))
def test_the_code_uses_the_words_of_the_field(package: str) -> None:
    assert [found for file in PACKAGES[package] for found in problems(file)] == []


def test_a_clean_package_leaves_the_list() -> None:
    assert PACKAGES.keys() >= NOT_YET
    assert [
        name for name in sorted(NOT_YET) if not any(map(any, map(problems, PACKAGES[name])))
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "# The value stands alone.\n",
        '"""A role of its\nown."""\n',
        'raise ValueError(f"{x} is told to go away")\n',
        "def said_of(x): ...\n",
        "class BadFault: ...\n",
        "blanks = 1\n",
    ],
)
def test_fails_for_a_habit(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "module.py").write_text(source)
    assert len(list(problems(tmp_path / "module.py"))) == 1


def test_code_in_text_and_plain_values_are_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = '"""A `local_stand_in` for ``fault here``."""\nx = "here"\n'
    (tmp_path / "module.py").write_text(source)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert list(problems(tmp_path / "module.py")) == []
