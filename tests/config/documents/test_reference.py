"""docs/configuration.md lists the keys that there are."""

from __future__ import annotations

from pathlib import Path

from smp.config.documents.reference import updated

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_the_document_is_current() -> None:
    text = DOCUMENT.read_text()
    assert text == updated(text), (
        "write it anew: python -m smp.config.documents.reference " + DOCUMENT.name
    )
