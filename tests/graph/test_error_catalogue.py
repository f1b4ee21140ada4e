"""Every entry of the catalogue of faults between steps gives exactly its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.catalogue import Case, message_of, read_cases

CASES = tuple(read_cases())


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_fails_with_the_entire_message(case: Case, tmp_path: Path) -> None:
    assert message_of(case, tmp_path.resolve()) == case.expected


def test_the_catalogue_is_whole() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 60
    assert all(case.expected for case in CASES)
