"""One emulator for each test module that runs state machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.export.step_functions import Engine, started_engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as monkeypatch, started_engine(monkeypatch) as running:
        yield running
