"""Every entry of the error catalogue gives exactly its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.config.load import load_project
from tests.config.catalogue import Case, message_of, read_cases
from tests.config.workspace import BASE, CONF, make_workspace

CASES = tuple(read_cases())


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_fails_with_the_entire_message(case: Case, tmp_path: Path) -> None:
    assert message_of(case, tmp_path.resolve()) == case.expected


def test_the_valid_file_is_valid(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, {CONF: BASE})
    assert load_project(workspace).pipelines[0].config.pipeline_name == "churn"


def test_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 60
