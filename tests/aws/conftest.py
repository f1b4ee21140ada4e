"""The emulated account that the tests of a session share, emptied for each test, and `smp` against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smp.cli import main
from tests.aws.account import Account, running_account
from tests.aws.price_list_server import price_list

__all__ = ["price_list"]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


RunSmp = Callable[..., Done]


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running_account(tmp_path_factory.mktemp("server")) as account:
        yield account


@pytest.fixture
def account(_server: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An empty account, and the environment of this process leads to it."""
    _server.reset()
    for name, value in _server.environment.items():
        monkeypatch.setenv(name, value)
    return _server


@pytest.fixture
def run_smp(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> RunSmp:
    """Run a command in an empty directory; no variable of the caller's has a say."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(*arguments: str | Path) -> Done:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run
