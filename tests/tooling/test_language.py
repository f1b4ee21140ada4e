"""The pages use the field's words: habits that made them hard to read do not come back.

Code blocks, inline code and the targets of links are not checked, nor are pages that are written
from the code: their texts are those of the options and settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FROM_CODE = {"docs/cli.md", "docs/benchmarks.md"}
FROM_CODE_AFTER = "<!-- keys:"
"""What follows is written from the code, in docs/configuration.md."""

PAGES = sorted(
    page
    for page in (
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "model_configs").glob("*/README.md"),
        ROOT / "smp" / "cli" / "model_template" / "README.md",
    )
    if page.relative_to(ROOT).as_posix() not in FROM_CODE
)

INSTEAD = {
    r"\bstands?\b(?!-in)": "is, or: is written",
    r"\b(go|goes|going|went) on\b": "continue",
    r"\bof (its|their|his|your) own\b": "its own …, or: a separate …",
    r"\bwhoever\b": "anyone who, or: the person who",
    r"\bartefacts?\b": "artifact",
    r"\b(tell|tells|told)\b": "report, show, name",
    r"\bsays\b": "report, describe, name",
    r"\bfaults?\b": "error",
    r"\bblanks?\b": "space",
    r"\bhere\b": "locally, or: on this page",
    r"\bno \w+,? but\b": "only",
    r"\b(but|nothing but|none but) for\b": "except for",
    r"\bbeside\b": "next to, or: in addition to",
    r"\bby itself\b": "automatically",
    r"\bas ever\b": "as before",
    r"\bhonoured\b": "supported",
    r"\bbe told\b": "be reported",
}
"""A habit, and what to write instead."""

ALLOWED: dict[str, tuple[str, ...]] = {}
"""Phrases that may stay on a page although they contain such a word, by the path of the page."""


def prose(text: str) -> str:
    """Return the text with what is not checked left out, and its lines kept."""
    text = text.partition(FROM_CODE_AFTER)[0]
    text = re.sub(
        r"^( *)```.*?^\1```$",
        lambda block: "\n" * block[0].count("\n"),
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    return re.sub(r"\]\([^)\s]*\)", "]", re.sub(r"`[^`]*`", "``", text))


def habits(text: str, allowed: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield each habit in the text, with its line."""
    text = prose(text)
    for phrase in allowed:
        text = text.replace(phrase, "")
    for pattern, instead in INSTEAD.items():
        spaced = pattern.replace(" ", r"\s+")
        for found in re.finditer(spaced, text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"line {line}: '{found[0]}'; write: {instead}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_uses_the_words_of_the_field(page: Path) -> None:
    allowed = ALLOWED.get(page.relative_to(ROOT).as_posix(), ())
    assert list(habits(page.read_text("utf-8"), allowed)) == []


def test_every_exception_is_needed() -> None:
    unused = [
        f"{page}: {phrase}"
        for page, phrases in ALLOWED.items()
        for phrase in phrases
        if not list(habits(phrase)) or phrase not in prose((ROOT / page).read_text("utf-8"))
    ]
    assert unused == []


@pytest.mark.parametrize(
    "sentence",
    [
        "The value stands alone.",
        "A run goes\non.",
        "A role of its own.",
        "Whoever starts it.",
        "The artefact.",
        "The job is told.",
        "The page says so.",
        "A fault of the service.",
        "Blanks are trimmed.",
        "Nothing runs here.",
        "No role but the pipeline's.",
    ],
)
def test_fails_for_a_habit(sentence: str) -> None:
    assert len(list(habits(f"# Page\n\n{sentence}\n"))) == 1


def test_code_and_generated_texts_are_not_checked() -> None:
    page = "`local_stand_in`, a stand-in, `service_fault`\n\n```sh\nsmp run # here\n```\n"
    assert list(habits(page + "<!-- keys: written from the code -->\nsays\n")) == []
