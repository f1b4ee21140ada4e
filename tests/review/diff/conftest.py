"""The pipeline before a change, and the state that holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from tests.review.diff.examples import churn


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A code store that both sides share."""
    return tmp_path / "code"


@pytest.fixture
def base(store: Path) -> CompiledPipeline:
    return churn(store)
