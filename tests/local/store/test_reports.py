"""One rule for the reports that steps write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.local.store.reports import read_report

REPORTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(REPORTS)
def test_json_is_read_and_what_the_standard_excludes_is_refused(
    tmp_path_factory: pytest.TempPathFactory, report: Any
) -> None:
    file = tmp_path_factory.mktemp("reports") / "report.json"
    file.write_text(json.dumps(report), encoding="utf-8")
    try:
        json.dumps(report, allow_nan=False)
    except ValueError:
        with pytest.raises(ValueError, match=r"is not JSON: .* is not a finite number"):
            read_report(file)
    else:
        assert read_report(file) == report


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is not JSON"), ("[" * 100_000, "is not JSON"), ("", "is not JSON"), (None, "does not")],
    ids=["cut off", "too deep", "empty", "absent"],
)
def test_fails_with_what_is_wrong(tmp_path: Path, text: str | None, problem: str) -> None:
    file = tmp_path / "report.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"^{problem}"):
        read_report(file)
