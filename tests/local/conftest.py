"""A workspace to run pipelines in, and the sandboxes that work on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.errors import SetupError
from smp.local.sandbox.base import Sandbox
from smp.local.sandbox.choose import AUTOMATIC, choose_sandbox
from tests.local.pipelines import Workspace


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox that a run would choose."""
    return choose_sandbox()


@pytest.fixture(params=AUTOMATIC)
def each_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Every sandbox in turn; one that this machine lacks is skipped."""
    try:
        return choose_sandbox(request.param)
    except SetupError as error:
        pytest.skip(str(error))


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    return Workspace(tmp_path, sandbox)
