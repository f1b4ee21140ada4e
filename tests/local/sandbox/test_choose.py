"""Which sandbox a run gets, and what is said where none works."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from smp.errors import SetupError
from smp.local.sandbox import choose
from smp.local.sandbox.base import Job, Sandbox
from smp.local.sandbox.choose import choose_sandbox, choosing, probe
from smp.local.sandbox.rewriting import Rewriting


class Broken:
    name = "broken"
    runs_images = False
    leaks: tuple[str, ...] = ()

    def start(self, job: Job) -> None:
        raise OSError(f"no sandbox for {job.command[0]}")


def test_a_sandbox_that_is_chosen_works(each_sandbox: Sandbox) -> None:
    assert probe(each_sandbox) is None


def test_the_next_one_is_chosen_where_one_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    makers = {**choose.MAKERS, "bubblewrap": Broken, "namespaces": Broken}
    monkeypatch.setattr(choose, "MAKERS", makers)

    assert choose_sandbox().name == "rewriting"


def test_the_last_resort_says_what_it_does_not_isolate() -> None:
    assert "the network is open to it" in Rewriting.leaks


def test_fails_for_a_sandbox_that_does_not_exist() -> None:
    with pytest.raises(SetupError) as caught:
        choose_sandbox("chroot")
    assert str(caught.value) == (
        "there is no sandbox 'chroot'\n    allowed: bubblewrap, namespaces, rewriting, docker"
    )


def test_fails_with_every_reason_where_none_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "MAKERS", dict.fromkeys(choose.MAKERS, Broken))

    with pytest.raises(SetupError) as caught:
        choose_sandbox()
    assert str(caught.value).splitlines() == [
        "sandbox bubblewrap: no sandbox for /bin/sh",
        "sandbox namespaces: no sandbox for /bin/sh",
        "sandbox rewriting: no sandbox for /bin/sh",
    ]


def test_fails_rewriting_in_a_directory_whose_name_breaks_scripts(tmp_path: Path) -> None:
    place = tmp_path / "my work" / "ml"
    place.mkdir(parents=True)
    job = Job(command=("true",), environment={}, opt_ml=place, python=tmp_path)

    with pytest.raises(SetupError, match="must be of letters, digits"):
        Rewriting().start(job)


def test_a_sandbox_is_chosen_while_the_caller_goes_on() -> None:
    with choosing() as chosen:
        assert chosen() is chosen()


def test_fails_when_it_is_asked_for_what_was_chosen_meanwhile() -> None:
    with choosing("a box") as chosen, pytest.raises(SetupError, match="no sandbox 'a box'"):
        chosen()


def test_nothing_of_the_choice_is_left_where_the_caller_gives_up() -> None:
    before = threading.active_count()
    with pytest.raises(RuntimeError), choosing():
        raise RuntimeError("a mistake in a config")
    assert threading.active_count() == before
