"""The pages use the field's words: habits that made them hard to read do not come back.

Code blocks, inline code and the targets of links are not checked, nor are pages that are written
from the code: their texts are those of the options and settings.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tooling.habits import habits

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_uses_the_words_of_the_field(page: Path) -> None:
    allowed = ALLOWED.get(page.relative_to(ROOT).as_posix(), ())
    assert list(habits(prose(page.read_text("utf-8")), allowed)) == []


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
    assert len(list(habits(prose(f"# Page\n\n{sentence}\n")))) == 1


def test_code_and_generated_texts_are_not_checked() -> None:
    page = "`local_stand_in`, a stand-in, `service_fault`\n\n```sh\nsmp run # here\n```\n"
    assert list(habits(prose(page + "<!-- keys: written from the code -->\nsays\n"))) == []
