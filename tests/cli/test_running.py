"""`smp run` and `smp stage`: what they refuse, how a run continues, and what ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smp.cli import main
from smp.local.store.places import Places
from smp.local.store.run_store import Run, RunStore
from tests.cli.conftest import RunSmp

ROOT = Path(__file__).parents[2]
CONF = """
conf:
  models:
    greeting:
      source_directory: scripts
      train:
        image_uri: 683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3
        entry_point: train.py
        instance_type: ml.m5.large
        channels:
          train:
            dataFiles:
              - fileName: s3://SMP_S3BUCKETNAME/greeting/data
  sagemakerPipeline:
    pipelineName: greeting
    models:
      greeting:
        steps:
          - step_name: greeting-training
            step_class: Training
            enable_cache: True
"""
TRAIN = """
import os
import time
from pathlib import Path

print("ready", flush=True)
time.sleep(float(Path(os.environ["SM_CHANNEL_TRAIN"], "seconds").read_text()))
"""


@pytest.fixture(scope="session")
def compiled_greeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose pipeline is compiled, and whose one job sleeps as long as its data says."""
    workspace = tmp_path_factory.mktemp("greeting")
    model = workspace / "model_configs" / "greeting"
    (model / "conf").mkdir(parents=True)
    (model / "scripts").mkdir()
    (model / "conf" / "conf.yaml").write_text(CONF, "utf-8")
    (model / "scripts" / "train.py").write_text(TRAIN, "utf-8")
    assert main(["compile", "greeting", "-o", os.devnull, "--workspace", str(workspace)]) == 0
    return workspace


@pytest.fixture
def greeting(compiled_greeting: Path, tmp_path: Path) -> Path:
    """A copy of that workspace; the data is not there yet."""
    return Path(shutil.copytree(compiled_greeting, tmp_path, dirs_exist_ok=True))


def put_seconds(workspace: Path, seconds: float) -> None:
    data = workspace / ".smp" / "s3" / "smp-local" / "greeting" / "data"
    data.mkdir(parents=True)
    (data / "seconds").write_text(str(seconds), "utf-8")


def edit(file: Path, change: Callable[[str], str]) -> None:
    file.write_text(change(file.read_text("utf-8")), "utf-8")


def edit_conf(workspace: Path, change: Callable[[str], str]) -> None:
    edit(workspace / "model_configs" / "greeting" / "conf" / "conf.yaml", change)


def last_run(workspace: Path) -> Run:
    return RunStore(Places(workspace / ".smp").runs).get("last")


def statuses(run: Run) -> dict[str, str]:
    return {step.name: step.status for step in run.steps()}


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "script": (
        lambda root: edit(root / "scripts" / "train.py", lambda text: f"{text}# more\n"),
        "greeting/scripts/train.py was changed",
    ),
    "added": (
        lambda root: (root / "scripts" / "more.py").write_text(""),
        "greeting/scripts/more.py was added",
    ),
    "config": (
        lambda root: edit_conf(root.parents[1], lambda t: t.replace("ml.m5.large", "ml.m5.xlarge")),
        "the config of step greeting-training was changed: Arguments.ResourceConfig.InstanceType",
    ),
    "name": (
        lambda root: edit_conf(root.parents[1], lambda t: t.replace("g-training", "g-fit")),
        "the config of step greeting-training was changed",
    ),
    "packages": (
        lambda root: (root / "requirements-local.txt").write_text(""),
        "requirements-local.txt of model greeting was changed",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_run_is_not_resumed_with_old_code_unless_that_is_asked_for(
    run_smp: RunSmp, greeting: Path, kind: str
) -> None:
    here = ("--workspace", greeting)
    assert run_smp("run", "greeting", *here).status == 1
    put_seconds(greeting, 0)
    before = last_run(greeting).record()
    change, described = CHANGES[kind]
    change(greeting / "model_configs" / "greeting")
    refused = run_smp("run", "greeting", "--resume", "last", *here)
    again = f"smp run greeting --workspace {greeting}"
    assert refused.status == 1
    assert f"smp: files have changed since run {before.id} began: {described}" in refused.err
    assert f"reuses what is still right: {again}\n" in refused.err
    assert f"smp run greeting --resume {before.id} --workspace {greeting} --old-code" in refused.err
    assert last_run(greeting).record() == before

    done = run_smp("run", "greeting", "--resume", "last", "--old-code", *here)
    assert done.status == 0, done.err
    assert statuses(last_run(greeting)) == {"greeting-training": "Succeeded"}


def test_a_broken_config_does_not_keep_a_run_from_its_old_code(
    run_smp: RunSmp, greeting: Path
) -> None:
    here = ("--workspace", greeting)
    assert run_smp("run", "greeting", *here).status == 1
    put_seconds(greeting, 0)
    edit_conf(greeting, lambda text: text.replace("entry_point: train.py", "entry_point: [", 1))
    refused = run_smp("run", "greeting", "--resume", "last", *here)
    assert refused.status == 1
    assert "smp: the configs have changed since run" in refused.err
    assert "conf.yaml:8:22: is not valid YAML" in refused.err
    assert "--old-code" in refused.err

    assert run_smp("run", "greeting", "--resume", "last", "--old-code", *here).status == 0


def test_an_unchanged_run_is_resumed_without_asking(run_smp: RunSmp, greeting: Path) -> None:
    here = ("--workspace", greeting)
    assert run_smp("run", "greeting", *here).status == 1
    put_seconds(greeting, 0)
    assert run_smp("run", "greeting", "--resume", "last", *here).status == 0
    edit(
        greeting / "model_configs" / "greeting" / "scripts" / "train.py",
        lambda text: f"{text}# more\n",
    )
    assert run_smp("run", "greeting", "--resume", "last", *here).status == 0


def test_fails_on_old_code_of_a_new_run(run_smp: RunSmp, tmp_path: Path) -> None:
    done = run_smp("run", "greeting", "--old-code", "--workspace", tmp_path)
    assert done.status == 1
    assert "--old-code is for --resume RUN" in done.err


def test_fails_on_what_a_resumed_run_cannot_be_given(run_smp: RunSmp, tmp_path: Path) -> None:
    options = ("--param", "Folds=3", "--fresh", "--resume", "last", "--workspace", tmp_path)
    done = run_smp("run", "greeting", *options)
    assert done.status == 1
    assert done.err == (
        "smp: a resumed run keeps its parameters\n"
        "    found: --param Folds=3\n"
        "    hint: begin a new run, without --resume\n"
        "smp: a resumed run keeps the results of its finished steps\n"
        "    found: --fresh\n"
        "    hint: begin a new run, without --resume\n"
        "2 problems\n"
    )


def test_a_fresh_run_goes_on_without_the_cache(run_smp: RunSmp, greeting: Path) -> None:
    here = ("--workspace", greeting)
    put_seconds(greeting, 0)
    assert run_smp("run", "greeting", *here).status == 0
    data = Places(greeting / ".smp").buckets / "smp-local" / "greeting" / "data"
    data.rename(greeting / "away")
    assert run_smp("run", "greeting", "--fresh", *here).status == 1
    (greeting / "away").rename(data)
    assert run_smp("run", "greeting", "--resume", "last", *here).status == 0
    step = last_run(greeting).step("greeting-training")
    assert step is not None
    assert (step.reused_from, step.why) == (None, "--fresh was given")


def wait_until_ready(workspace: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        logs = (workspace / ".smp" / "runs").glob("*/steps/greeting-training/log.txt")
        if any("ready" in log.read_text("utf-8") for log in logs):
            return
        time.sleep(0.05)
    pytest.fail("the job did not begin")


@pytest.mark.parametrize(
    ("by_nohup", "seconds", "status"), [(False, 60, "Stopped"), (True, 1, "Succeeded")]
)
def test_a_closed_terminal_ends_a_run_as_ctrl_c_does(
    greeting: Path, by_nohup: bool, seconds: float, status: str
) -> None:
    put_seconds(greeting, seconds)
    command = [sys.executable, "-m", "smp", "run", "greeting", "--workspace", str(greeting)]
    reading, writing = os.pipe()
    runner = subprocess.Popen(
        [*(["nohup"] if by_nohup else []), *command], cwd=ROOT, stdout=writing, stderr=writing
    )
    os.close(writing)
    try:
        wait_until_ready(greeting)
        os.close(reading)
        runner.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        runner.send_signal(signal.SIGHUP)
        runner.wait(timeout=60)
    finally:
        runner.kill()
        runner.wait()
    assert last_run(greeting).record().status == status
    assert statuses(last_run(greeting)) == {"greeting-training": status}


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--grace", "-5", "'-5' is not a number of seconds"),
        ("--grace", "nan", "'nan' is not a number of seconds"),
        ("--grace", "inf", "'inf' is not a number of seconds"),
        ("--grace", "soon", "'soon' is not a number of seconds"),
        ("--jobs", "x", "'x' is not a number of steps"),
        ("--jobs", "0", "must be 1 or more"),
    ],
)
def test_fails_on_a_number_that_is_none(
    run_smp: RunSmp, option: str, value: str, reason: str
) -> None:
    done = run_smp("run", "greeting", option, value)
    assert done.status == 2
    assert done.err.endswith(f"smp run: error: argument {option}: {reason}\n")


def test_a_run_outlives_the_reader_of_what_the_command_says(greeting: Path) -> None:
    """The sandbox's warning is the first thing that it says."""
    put_seconds(greeting, 0)
    options = ["--sandbox", "rewriting", "--workspace", str(greeting)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "smp", "run", "greeting", *options],
        cwd=ROOT,
        stderr=writing,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0
    assert last_run(greeting).record().status == "Succeeded"


def prepare(workspace: Path, script: str) -> None:
    (workspace / "model_configs" / "greeting" / "prepare_data.py").write_text(script, "utf-8")


def test_one_file_is_staged(run_smp: RunSmp, greeting: Path) -> None:
    prepare(greeting, "import sys; open(sys.argv[2] + '/seconds', 'w').write('0')")
    done = run_smp("stage", "greeting", "--workspace", greeting)
    bucket = Places((greeting / ".smp").resolve()).buckets / "smp-local"
    assert (done.status, done.out) == (0, f"staged 1 file under {bucket}\n")


def test_what_the_data_script_does_not_write_any_more_is_removed(
    run_smp: RunSmp, greeting: Path
) -> None:
    script = """
import sys
from pathlib import Path

for name in {names}:
    path = Path(sys.argv[2], name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
"""
    bucket = Places((greeting / ".smp").resolve()).buckets / "smp-local"
    prepare(greeting, script.format(names=["data/a", "data/b", "data/c"]))
    run_smp("stage", "greeting", "--workspace", greeting)
    (bucket / "data" / "own").write_text("by hand")
    (bucket / "data" / "c").write_text("changed by hand")
    prepare(greeting, script.format(names=["data/a", "data/d"]))
    done = run_smp("stage", "greeting", "--workspace", greeting)

    assert done.err == (
        "greeting: prepare_data.py\n"
        "removed s3://smp-local/data/b: prepare_data.py of greeting does not write it any more\n"
    )
    assert sorted(path.name for path in (bucket / "data").iterdir()) == ["a", "c", "d", "own"]


def test_fails_where_the_data_script_writes_nothing(run_smp: RunSmp, greeting: Path) -> None:
    prepare(greeting, "")
    done = run_smp("stage", "greeting", "--workspace", greeting)
    assert done.status == 1
    assert done.err == (
        "greeting: prepare_data.py\n"
        "smp: prepare_data.py of greeting wrote no file\n"
        "    hint: what it writes below its argument --output is staged\n"
    )


def test_fails_where_no_model_has_a_data_script(run_smp: RunSmp, greeting: Path) -> None:
    done = run_smp("stage", "greeting", "--workspace", greeting)
    assert done.status == 1
    assert "no model of greeting has a prepare_data.py" in done.err
    assert "smp s3 put PATH s3://local/KEY" in done.err
