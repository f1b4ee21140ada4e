"""What every command has in common: exit status, streams, no traceback, a quick start."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from smp.cli import entry, pipelines
from smp.cli.console import print_problems
from smp.errors import Location, Problem
from tests.cli.conftest import RunSmp

HEAVY = ("sagemaker", "boto3", "botocore", "aws_cdk", "constructs", "jsii")


def imported_by(*arguments: str) -> set[str]:
    """The top-level modules that a command has loaded when it ends."""
    program = (
        "import sys; from smp.cli import main; status = main(sys.argv[1:]);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr);"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_help_imports_nothing_but_the_standard_library() -> None:
    foreign = imported_by("--help") - set(sys.stdlib_module_names) - {"smp"}
    at_start = subprocess.run(
        [sys.executable, "-c", "import sys; print(*{n.partition('.')[0] for n in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert foreign <= {*at_start.stdout.split(), "__mp_main__"}


@pytest.mark.parametrize("module", entry.MODULES)
def test_every_command_is_known_by_the_module_that_adds_it(module: str) -> None:
    """One that is not listed works too, but imports the modules of all."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    import_module(f"smp.cli.{module}").add_commands(commands)
    assert tuple(commands.choices) == entry.MODULES[module]


def test_a_command_imports_no_other(workspace: Path) -> None:
    program = "import sys; from smp.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", program, "s3", "ls", "--workspace", str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {f"smp.cli.{module}" for module in entry.MODULES}.intersection(done.stdout.split())
    assert loaded == {"smp.cli.objects", "smp.cli.running"}


@pytest.mark.parametrize("command", ["validate", "list"])
def test_reading_configs_imports_neither_the_sdk_nor_the_cdk(command: str, workspace: Path) -> None:
    assert not imported_by(command, "--workspace", str(workspace)).intersection(HEAVY)


@pytest.mark.parametrize(
    "arguments", [(), ("validte",), ("list", "--format", "xml"), ("compile",), ("list", "extra")]
)
def test_fails_with_status_2_on_wrong_usage(run_smp: RunSmp, arguments: tuple[str, ...]) -> None:
    done = run_smp(*arguments)
    assert done.status == 2
    assert done.err.startswith("usage: smp")
    assert done.out == ""


def test_version_and_help_are_fine(run_smp: RunSmp) -> None:
    assert run_smp("--version").out.startswith("smp ")
    done = run_smp("graph", "--help")
    assert (done.status, done.err) == (0, "")


def test_options_are_not_abbreviated(run_smp: RunSmp, workspace: Path) -> None:
    assert run_smp("list", "--work", workspace).status == 2


def test_an_interrupt_ends_with_status_130(
    run_smp: RunSmp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipelines, "load_workspace", interrupted)
    done = run_smp("list")
    assert (done.status, done.err) == (130, "\nsmp: interrupted\n")


def test_a_reader_that_goes_away_is_no_error(workspace: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "smp", "list", "--workspace", str(workspace)],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (entry.OUTPUT_CLOSED, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_fails_without_a_traceback_when_the_disk_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "smp", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"smp: no space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_fails_without_a_traceback_where_there_is_no_room_for_the_help() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "smp", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"smp: no space left on device\n")


@pytest.mark.parametrize(
    ("command", "status"), [("list", 0), ("list --format json", 0), ("list --models nowhere", 1)]
)
def test_streams_may_be_closed(workspace: Path, command: str, status: int) -> None:
    smp = f"{sys.executable} -m smp {command} --workspace {workspace}"
    for closed in ("1", "2"):
        done = subprocess.run(
            ["/bin/sh", "-c", f"exec {smp} {closed}>&-"], capture_output=True, check=False
        )
        assert done.returncode == status
        assert b"Traceback" not in done.stderr


def test_output_that_the_encoding_lacks_is_escaped(workspace: Path) -> None:
    conf = workspace / "model_configs" / "fraud_check" / "conf" / "conf.yaml"
    conf.write_text(
        conf.read_text("utf-8").replace("entry_point: train.py", "entry_point: trän.py"), "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "smp", "validate", "--workspace", str(workspace)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert rb"tr\xe4n.py" in done.stderr


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


PROBLEM = Problem("is not a number", Location("conf.yaml", 3, 5), "conf.x", found="'a'")


def test_colours_only_on_a_terminal_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    shown = []
    for stream, variables in (
        (Terminal(), {}),
        (Terminal(), {"NO_COLOR": "1"}),
        (Terminal(), {"TERM": "dumb"}),
        (io.StringIO(), {}),
    ):
        with monkeypatch.context() as patch:
            patch.delenv("NO_COLOR", raising=False)
            patch.setattr(sys, "stderr", stream)
            for name, value in variables.items():
                patch.setenv(name, value)
            print_problems([PROBLEM])
        shown.append(stream.getvalue())
    plain = "conf.yaml:3:5: conf.x: is not a number\n    found: 'a'\n"
    assert shown[0] == (
        "\033[1mconf.yaml:3:5: conf.x: \033[0m\033[31mis not a number\033[0m\n    found: 'a'\n"
    )
    assert shown[1:] == [plain, plain, plain]
