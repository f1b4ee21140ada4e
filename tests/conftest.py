"""What holds for every test: no network but loopback, no settings of the machine's AWS or SMP.

`--update-golden` writes the golden files of the chosen tests anew.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest

LOOPBACK = ("127.", "::1", "localhost")


def pytest_configure() -> None:
    """Let Ctrl-C reach the tests of it: who starts commands in the background ignores it for them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether what is written today becomes the golden text."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(autouse=True)
def _no_aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "SMP_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            raise OSError(f"a test tried to reach {address}: only loopback is open")
        return connect(self, address)

    return guarded
