"""The pages for contributors match the tree: paths exist, every folder of the engine is named."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PATH = re.compile(
    r"`((?:smp|stacks|constructs_lib|tests|tools|docs|delivery|model_configs|schema)/[\w./-]*|[\w-]+\.(?:py|toml|md))`"
)


def folders(parent: Path) -> list[str]:
    return sorted(child.parent.name for child in parent.glob("*/__init__.py"))


@pytest.mark.parametrize(
    "name", ["docs/architecture.md", "docs/adding-a-step-class.md", "CONTRIBUTING.md"]
)
def test_every_path_exists(name: str) -> None:
    named = set(PATH.findall((ROOT / name).read_text("utf-8")))
    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_folder_of_the_engine_is_in_the_table() -> None:
    page = ARCHITECTURE.read_text("utf-8")
    table = page[page.index("Inside `smp/`") : page.index("## Import rules")]
    assert [name for name in folders(ROOT / "smp") if f"| `{name}/` |" not in table] == []


@pytest.mark.parametrize("layer", ["config", "local", "review"])
def test_every_folder_of_a_large_layer_is_in_its_row(layer: str) -> None:
    page = ARCHITECTURE.read_text("utf-8")
    row = page[page.index(f"| `{layer}/` |") :].split("\n", 1)[0]
    assert [name for name in folders(ROOT / "smp" / layer) if f"`{name}/`" not in row] == []


def test_the_rows_are_in_the_order_of_the_layers() -> None:
    """A folder that may import another one is above it; those of one layer are in any order."""
    declared = (ROOT / "pyproject.toml").read_text("utf-8")
    layers = re.findall(
        r"smp\.(\w+)", re.findall(r"^layers = \[(.*?)^\]", declared, re.S | re.M)[0]
    )
    page = ARCHITECTURE.read_text("utf-8")
    rows = [
        page.index(f"`{name}/` |" if name != "errors" else "`smp/errors.py` |") for name in layers
    ]
    assert [row for row, below in pairwise(rows) if row > below] == []
