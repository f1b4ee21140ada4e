"""CHANGELOG.md has the form that it claims: https://keepachangelog.com/en/1.1.0/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
VERSION = re.compile(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}")
ITEM = re.compile(r"- \S.*|  \S.*|")
KIND_IN_ITEM = re.compile(rf"- (\*\*)?({'|'.join(KINDS)}):", re.IGNORECASE)


def problems(text: str) -> Iterator[str]:
    """Yield each deviation from the form."""
    _, *versions = re.split(r"^## ", text, flags=re.MULTILINE)
    names = [version.partition("\n")[0] for version in versions]
    if names[:1] != ["[Unreleased]"]:
        yield "the first version is not [Unreleased]"
    yield from (f"'{name}' is not a version" for name in names[1:] if not VERSION.fullmatch(name))
    for name, version in zip(names, versions, strict=True):
        before, *sections = re.split(r"^### ", version.partition("\n")[2], flags=re.MULTILINE)
        if before.strip():
            yield f"{name}: text before the first section"
        kinds = [section.partition("\n")[0] for section in sections]
        if kinds != [kind for kind in KINDS if kind in kinds]:
            yield f"{name}: sections are {kinds}, which are not once each and in order: {KINDS}"
        for section in sections:
            for line in section.splitlines()[1:]:
                if not ITEM.fullmatch(line):
                    yield f"{name}: not an item of a list: {line}"
                if KIND_IN_ITEM.match(line):
                    yield f"{name}: belongs in another section: {line}"


def test_the_changelog_has_the_form() -> None:
    assert list(problems(CHANGELOG.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "## [0.1.0] - 2026-01-31\n\n### Added\n\n- x\n",
        "## [Unreleased]\n\n### Added\n\n- x\n\n## [Unreleased]\n\n### Fixed\n\n- x\n",
        "## [Unreleased]\n\n- x\n",
        "## [Unreleased]\n\n### Added\n\n- x\n\n### Added\n\n- y\n",
        "## [Unreleased]\n\n### Fixed\n\n- x\n\n### Added\n\n- y\n",
        "## [Unreleased]\n\n### News\n\n- x\n",
        "## [Unreleased]\n\n### Added\n\nx\n",
        "## [Unreleased]\n\n### Added\n\n- Changed: x\n",
        "## [Unreleased]\n\n### Added\n\n- x\n\n## 0.1\n",
    ],
)
def test_fails_for_another_form(text: str) -> None:
    assert list(problems("# Changelog\n\n" + text)) != []
