"""The option that writes golden definitions anew: `pytest tests/compiler --update-golden`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/compiler/golden/*.json anew"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether the definitions of today become the golden ones; the option is known here only."""
    return bool(request.config.getoption("--update-golden", default=False))
