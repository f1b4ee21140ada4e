"""docs/architecture.svg: no text is wider than its box, and what it names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
SVG = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
NAMESPACE = "{http://www.w3.org/2000/svg}"
NARROW, WIDE = "fijlrt,.:/' ", "mwMW"
PLAIN, NAME = 13, 15 * 1.1
"""Font sizes; names are bold."""

Box = tuple[float, float, float, float]


def boxes() -> list[Box]:
    """Left, top, right and bottom of every rectangle."""
    found = []
    for box in SVG.iter(f"{NAMESPACE}rect"):
        x, y = float(box.get("x", 0)), float(box.get("y", 0))
        found.append((x, y, x + float(box.get("width", 0)), y + float(box.get("height", 0))))
    return found


def width_in_ems(text: str) -> float:
    """About the width in DejaVu Sans, which is wider than the fonts that the picture prefers."""
    return sum(0.38 if c in NARROW else 0.95 if c in WIDE else 0.64 for c in text)


def texts() -> Iterator[tuple[str, float, float, float]]:
    """Each text with its left end, right end and base line."""
    for text in SVG.iter(f"{NAMESPACE}text"):
        content, classes = text.text or "", (text.get("class") or "").split()
        width = width_in_ems(content) * (NAME if "name" in classes else PLAIN)
        x = float(text.get("x", 0))
        left = x - width / 2 if "middle" in classes else x
        yield content, left, left + width, float(text.get("y", 0))


@pytest.mark.parametrize(("content", "left", "right", "base"), list(texts()), ids=str)
def test_a_text_fits_into_its_box(content: str, left: float, right: float, base: float) -> None:
    middle = (left + right) / 2
    around = [box for box in boxes() if box[0] <= middle <= box[2] and box[1] < base <= box[3]]
    smallest = min(around, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    assert smallest[0] <= left < right <= smallest[2], content


def test_the_commands_in_the_picture_exist() -> None:
    reference = (ROOT / "docs" / "cli.md").read_text("utf-8")
    named = {name for content, *_ in texts() for name in re.findall(r"smp [a-z]+", content)}
    assert named >= {"smp run", "smp diff"}
    assert all(f"## {name}\n" in reference for name in named)
