"""A run loads and compiles in a child process: its errors arrive, and it is never left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from tests.local.orphans import orphans

ROOT = Path(__file__).parents[2]


def run_alone(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `smp` in a process without threads, which is where a child is forked."""
    return subprocess.run(
        [sys.executable, "-m", "smp", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def in_a_process_without_threads(program: str, *arguments: str | Path) -> str:
    """Run a program after the imports that it needs, and return what it prints."""
    head = """
        import argparse, os, signal, sys, time
        from pathlib import Path
        from smp.cli import preparation
        from smp.errors import RunError
        arguments = argparse.Namespace(
            workspace=Path(sys.argv[1]), pipeline='p', models=None, environment=None
        )
    """
    text = textwrap.dedent(head) + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_child_gives_what_this_process_would(compiled_workspace: Path) -> None:
    program = """
        arguments.pipeline = 'fraud-check'
        with preparation.Preparation(arguments) as going:
            result = going.result()
        assert 'pydantic' not in sys.modules
        assert result == preparation.prepare(arguments)
        print(*result.model_directories)
    """
    assert in_a_process_without_threads(program, compiled_workspace) == "fraud_check\n"


@pytest.mark.slow
def test_fails_with_every_problem_of_the_configuration(broken_workspace: Path) -> None:
    done = run_alone("run", "fraud-check", "--workspace", broken_workspace)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "enable_cash" in done.stderr
    assert "soon" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_run_itself_reads_no_configuration(compiled_workspace: Path, tmp_path: Path) -> None:
    """What reads them takes longer to import than all that a run needs."""
    workspace = Path(shutil.copytree(compiled_workspace, tmp_path / "ready"))
    (workspace / "model_configs" / "fraud_check" / "requirements-local.txt").unlink()
    program = """
        from smp.cli import main
        assert main(['run', 'fraud-check', '--workspace', sys.argv[1]]) == 1  # there is no data
        print(*{'pydantic', 'yaml', 'sagemaker', 'mlflow', 'optuna'}.intersection(sys.modules))
    """
    assert in_a_process_without_threads(program, workspace) == "\n"


def test_an_unchanged_workspace_is_not_loaded_again(
    compiled_workspace: Path, tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(compiled_workspace, tmp_path / "ready"))
    program = """
        arguments.pipeline, arguments.sandbox = 'fraud-check', None
        first, _ = preparation.get_ready(arguments)
        assert not {'pydantic', 'yaml'}.intersection(sys.modules), 'the child loaded it'
        preparation.Preparation = None
        again, sandbox = preparation.get_ready(arguments)
        assert again == first
        (arguments.workspace / 'model_configs/fraud_check/scripts/new.py').write_text('')
        try:
            preparation.get_ready(arguments)
        except TypeError:
            print('loaded again')
    """
    assert in_a_process_without_threads(program, workspace) == "loaded again\n"


def test_a_run_imports_neither_botocore_nor_what_runs_steps_that_it_has_not(
    compiled_workspace: Path, tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(compiled_workspace, tmp_path / "ready"))
    program = """
        arguments.pipeline, arguments.sandbox = 'fraud-check', None
        preparation.get_ready(arguments)
        unused = {'botocore', 'boto3', 'smp.local.jobs.tuning', 'smp.local.jobs.notebook_job',
                  'smp.local.jobs.transform', 'smp.local.show.live', 'smp.local.sandbox.docker'}
        print(*unused.intersection(sys.modules))
    """
    assert in_a_process_without_threads(program, workspace) == "\n"


def test_a_mistake_of_the_engine_shows_where_it_happened(tmp_path: Path) -> None:
    program = """
        def mistaken(arguments):
            raise ZeroDivisionError('here')
        preparation.prepare = mistaken
        try:
            with preparation.Preparation(arguments) as going:
                going.result()
        except ZeroDivisionError as error:
            print(error, *error.__notes__)
    """
    printed = in_a_process_without_threads(program, tmp_path)
    assert printed.startswith("here Traceback")
    assert "in mistaken" in printed


@pytest.mark.parametrize(
    "ending", ["raise RunError('here')", "os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"]
)
def test_nothing_is_left_where_this_process_gives_up(tmp_path: Path, ending: str) -> None:
    program = f"""
        def forever(arguments):
            time.sleep(60)
        preparation.prepare = forever
        going = preparation.Preparation(arguments)
        try:
            with going:
                {ending}
        except (RunError, KeyboardInterrupt) as error:
            print(type(error).__name__, going._child)
    """
    name, child = in_a_process_without_threads(program, tmp_path).split()
    assert name in ("RunError", "KeyboardInterrupt")
    assert not psutil.pid_exists(int(child))


def test_fails_where_the_child_ends_without_an_answer(tmp_path: Path) -> None:
    program = """
        preparation.prepare = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        try:
            with preparation.Preparation(arguments) as going:
                going.result()
        except Exception as error:
            print(type(error).__name__, error)
    """
    printed = in_a_process_without_threads(program, tmp_path)
    assert printed == "SetupError the process that loads the pipeline ended without an answer\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can adopt orphans")
@pytest.mark.slow
@pytest.mark.parametrize("pause", [0.5, 1.5, 2.5])
def test_nothing_is_left_of_a_run_that_is_killed_while_it_loads(
    workspace: Path, pause: float
) -> None:
    """The pipeline is not compiled, so that this takes a while."""
    with orphans() as left:
        command = [sys.executable, "-m", "smp", "run", "fraud-check", "--workspace", str(workspace)]
        runner = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(pause)
        runner.kill()
        runner.communicate()
        assert left() == []
