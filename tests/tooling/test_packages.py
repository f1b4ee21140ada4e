"""What an installed package needs beside its modules is declared in pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("smp", "constructs_lib", "stacks")


def data_files() -> Iterator[Path]:
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*"):
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                yield file


def declared() -> set[Path]:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    data = tomllib.loads(text)["tool"]["setuptools"]["package-data"]
    return {
        file
        for package, patterns in data.items()
        for pattern in patterns
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }


def test_every_data_file_of_a_package_is_installed() -> None:
    files = set(data_files())
    assert files
    assert sorted(str(file.relative_to(ROOT)) for file in files - declared()) == []


def test_every_module_lies_in_a_package() -> None:
    modules = [file for name in PACKAGES for file in (ROOT / name).rglob("*.py")]
    kept = {file for file in modules if file not in declared()}
    outside = [file for file in kept if not (file.parent / "__init__.py").is_file()]
    assert [str(file.relative_to(ROOT)) for file in outside] == []
