"""Training steps that run: the container's layout, the artifact, metrics, checkpoints, failures."""

from __future__ import annotations

import json
import tarfile
from typing import Any

import pytest

from smp.errors import RunError
from smp.local.store.run_store import Run, StepRecord
from tests.local.pipelines import BUCKET, Workspace, log_of, processing, statuses, step_of, training


def run_step(workspace: Workspace, script: str, **options: Any) -> Run:
    return workspace.run(workspace.pipeline(workspace.training("train", script, **options)))


def record_of(run: Run) -> StepRecord:
    return step_of(run, "train")


def members(workspace: Workspace, uri: str) -> dict[str, str]:
    with tarfile.open(workspace.store.path_of(uri)) as tar:
        return {
            item.name: file.read().decode()
            for item in tar.getmembers()
            if (file := tar.extractfile(item)) is not None
        }


def test_the_script_finds_what_a_container_has(workspace: Workspace) -> None:
    script = """
    import json, os
    config = '/opt/ml/input/config'
    print(json.dumps({name: json.load(open(f'{config}/{name}.json'))
        for name in ('hyperparameters', 'resourceconfig', 'inputdataconfig')}))
    print(open('/opt/ml/input/data/train/a.csv').read(), os.environ['MODE'])
    print(sorted(os.listdir('/opt/ml')), os.environ['TRAINING_JOB_NAME'].startswith('train-'))
    """
    workspace.put("data/a.csv", "1,2")
    run = run_step(
        workspace,
        script,
        channels={"train": f"{BUCKET}/data/"},
        hyperparameters={"depth": "3"},
        request={"Environment": {"MODE": "fast"}},
    )

    config, data, layout = log_of(run, "train").splitlines()
    found = json.loads(config)
    assert found["hyperparameters"] == {"depth": "3"}
    assert found["resourceconfig"]["current_host"] == "algo-1"
    assert found["resourceconfig"]["hosts"] == ["algo-1"]
    assert found["resourceconfig"]["current_instance_type"] == "ml.m5.large"
    assert found["inputdataconfig"]["train"]["TrainingInputMode"] == "File"
    assert data == "1,2 fast"
    assert layout == "['code', 'input', 'model', 'output'] True"


def test_model_and_output_become_archives(workspace: Workspace) -> None:
    script = """
    import os
    os.makedirs('/opt/ml/model/deep')
    open('/opt/ml/model/deep/weights', 'w').write('w')
    open('/opt/ml/output/data/plot.txt', 'w').write('p')
    """
    run = run_step(workspace, script)

    result = record_of(run).result
    uri = result["ModelArtifacts"]["S3ModelArtifacts"]
    name = result["TrainingJobName"]
    assert uri == f"{BUCKET}/models/{name}/output/model.tar.gz"
    assert members(workspace, uri) == {"deep/weights": "w"}
    assert members(workspace, uri.replace("model.tar.gz", "output.tar.gz")) == {"plot.txt": "p"}
    assert result["TrainingJobStatus"] == "Completed"


def test_the_artifact_goes_to_the_next_step(workspace: Workspace) -> None:
    train = workspace.training("train", "open('/opt/ml/model/m', 'w').write('42')")
    use = workspace.processing(
        "use",
        """
        import tarfile
        print(tarfile.open('/opt/ml/processing/input/model/model.tar.gz').extractfile('m').read())
        """,
        inputs={"model": {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}},
    )
    run = workspace.run(workspace.pipeline(train, use))

    assert log_of(run, "use") == "b'42'\n"


def test_metrics_are_read_from_the_log(workspace: Workspace) -> None:
    script = """
    for epoch in range(3):
        print(f'epoch {epoch} loss={1 / (epoch + 1):.2f} auc=0.{epoch}5e-1 other=nan?')
    """
    run = run_step(
        workspace,
        script,
        metrics={
            "loss": "loss=([0-9.]+)",
            "auc": r"auc=(\S+)",
            "never": "x=(.*)",
            "bad": "(other)",
            "absent": "loss=|test=(.*)",
        },
    )

    record = record_of(run)
    assert [item["value"] for item in record.metrics if item["name"] == "loss"] == [1, 0.5, 0.33]
    final = {m["MetricName"]: m["Value"] for m in record.result["FinalMetricDataList"]}
    assert final == {"loss": 0.33, "auc": 0.025}


def test_metrics_of_a_failing_job_are_kept(workspace: Workspace) -> None:
    run = run_step(workspace, "print('loss=2'); raise SystemExit(1)", metrics={"loss": "loss=(.*)"})

    assert record_of(run).status == "Failed"
    assert [item["value"] for item in record_of(run).metrics] == [2]


def test_a_condition_reads_a_final_metric(workspace: Workspace) -> None:
    train = workspace.training("train", "print('auc=0.9')", metrics={"auc": "auc=(.*)"})
    metric = {"Get": "Steps.train.FinalMetricDataList['auc'].Value"}
    gate = {
        "Name": "gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {"Type": "GreaterThanOrEqualTo", "LeftValue": metric, "RightValue": 0.8}
            ],
            "IfSteps": [processing("go")],
            "ElseSteps": [],
        },
    }
    run = workspace.run(workspace.pipeline(train, gate))

    assert statuses(run)["go"] == "Succeeded", step_of(run, "gate").reason


def test_checkpoints_are_there_again_and_kept_after_a_failure(workspace: Workspace) -> None:
    script = """
    import os
    path = '/opt/ml/checkpoints/epoch'
    epoch = int(open(path).read()) if os.path.exists(path) else 0
    open(path, 'w').write(str(epoch + 1))
    print('from', epoch)
    raise SystemExit(0 if epoch else 1)
    """
    request = {"CheckpointConfig": {"S3Uri": f"{BUCKET}/checkpoints"}}
    first = run_step(workspace, script, request=request)
    second = run_step(workspace, script, request=request)

    assert (record_of(first).status, record_of(second).status) == ("Failed", "Succeeded")
    assert log_of(second, "train") == "from 1\n"
    assert workspace.read("checkpoints/epoch") == "2"


def test_checkpoints_of_a_prefix_that_begins_alike_are_not_there(workspace: Workspace) -> None:
    workspace.put("checkpoints/run1/a", "1")
    workspace.put("checkpoints/run10/b", "10")
    request = {"CheckpointConfig": {"S3Uri": f"{BUCKET}/checkpoints/run1"}}
    run = run_step(
        workspace, "import os; print(os.listdir('/opt/ml/checkpoints'))", request=request
    )

    assert log_of(run, "train") == "['a']\n"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("pass", "/checkpoints/bad is a link to /etc/hostname, outside of what is uploaded"),
        ("raise SystemExit(4)", "the script ended with exit code 4"),
        ("import time; time.sleep(60)", "it ran longer than MaxRuntimeInSeconds = 1"),
    ],
)
def test_fails_for_a_bad_checkpoint_only_where_the_script_did_not(
    workspace: Workspace, statement: str, reason: str
) -> None:
    script = f"""
    import os
    os.symlink('/etc/hostname', '/opt/ml/checkpoints/bad')
    {statement}
    """
    request = {"CheckpointConfig": {"S3Uri": f"{BUCKET}/checkpoints"}}
    run = run_step(workspace, script, request=request, limit=1 if "sleep" in statement else 60)

    assert record_of(run).status == "Failed"
    assert str(record_of(run).reason).endswith(reason)
    told = "not all checkpoints were uploaded: " in log_of(run, "train")
    assert told == (statement != "pass")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os.symlink('/etc/hostname', 'bad')", "a link to /etc/hostname; only relative links"),
        ("os.symlink('/opt/ml/model', 'bad')", "a link to /opt/ml/model; only relative links"),
        ("os.symlink('../../input', 'bad')", "a link to ../../input; only relative links"),
        ("os.mkfifo('bad')", "neither a file, a directory nor a link"),
    ],
)
@pytest.mark.parametrize("directory", ["model", "output/data"])
def test_fails_for_an_artifact_that_could_not_be_unpacked(
    workspace: Workspace, directory: str, statement: str, reason: str
) -> None:
    run = run_step(workspace, f"import os; os.chdir('/opt/ml/{directory}'); {statement}")

    record = record_of(run)
    assert (record.status, record.attempts) == ("Failed", 1)
    assert f"/{directory}/bad is {reason}" in str(record.reason)


def test_a_link_within_the_model_is_packed(workspace: Workspace) -> None:
    script = """
    import os
    os.chdir('/opt/ml/model')
    os.makedirs('epochs/2')
    open('epochs/2/weights', 'w').write('w')
    os.symlink('epochs/2', 'best')
    os.link('epochs/2/weights', 'same')
    """
    record = record_of(run_step(workspace, script))

    uri = record.result["ModelArtifacts"]["S3ModelArtifacts"]
    assert members(workspace, uri) == {"epochs/2/weights": "w", "same": "w"}


def test_the_failure_file_is_the_reason(workspace: Workspace) -> None:
    script = """
    open('/opt/ml/output/failure', 'w').write('learning rate is negative')
    raise SystemExit(4)
    """
    run = run_step(workspace, script)

    assert record_of(run).reason == (
        "AlgorithmError: the script ended with exit code 4: learning rate is negative"
    )


def test_the_reason_is_how_a_failure_file_begins(workspace: Workspace) -> None:
    script = """
    open('/opt/ml/output/failure', 'w').write('too few rows' + '.' * 2000 + 'end')
    raise SystemExit(4)
    """
    _, _, said = str(record_of(run_step(workspace, script)).reason).partition("code 4: ")

    assert said == "too few rows".ljust(1024, ".")


@pytest.mark.parametrize("target", ["/etc/hostname", "/opt/ml/output"])
def test_a_failure_file_that_is_a_link_or_a_directory_says_nothing(
    workspace: Workspace, target: str
) -> None:
    script = f"""
    import os
    os.symlink('{target}', '/opt/ml/output/failure')
    raise SystemExit(4)
    """
    run = run_step(workspace, script)

    assert record_of(run).reason == "AlgorithmError: the script ended with exit code 4"


def test_a_huge_failure_file_does_no_harm(workspace: Workspace) -> None:
    script = """
    open('/opt/ml/output/failure', 'wb').truncate(3_000_000_000)
    raise SystemExit(4)
    """
    run = run_step(workspace, script)

    assert len(str(record_of(run).reason)) < 7_000  # 1,024 characters, escaped


def test_fails_past_its_time_and_keeps_the_model_it_had_so_far(workspace: Workspace) -> None:
    script = """
    import signal, sys, time
    def save(*_):
        open('/opt/ml/model/weights', 'w').write('half')
        sys.exit(0)
    signal.signal(signal.SIGTERM, save)
    time.sleep(60)
    """
    record = record_of(run_step(workspace, script, limit=1))

    assert record.status == "Failed"
    told, _, uri = str(record.reason).partition("; what it had of its model is in ")
    assert told == "it ran longer than MaxRuntimeInSeconds = 1"
    assert members(workspace, uri) == {"weights": "half"}


def test_fails_past_its_time_also_where_its_model_cannot_be_packed(workspace: Workspace) -> None:
    script = """
    import os, time
    os.symlink('/etc/hostname', '/opt/ml/model/bad')
    time.sleep(60)
    """
    reason = str(record_of(run_step(workspace, script, limit=1)).reason)

    assert reason.startswith(
        "it ran longer than MaxRuntimeInSeconds = 1; what it had of its model was not uploaded: "
    )


def test_fails_past_its_time_with_no_word_of_a_model_that_it_has_not(workspace: Workspace) -> None:
    run = run_step(workspace, "import time; time.sleep(60)", limit=1)

    assert record_of(run).reason == "it ran longer than MaxRuntimeInSeconds = 1"


def test_a_script_that_removes_its_directories_harms_only_itself(workspace: Workspace) -> None:
    script = """
    import shutil
    shutil.rmtree('/opt/ml/model')
    shutil.rmtree('/opt/ml/output')
    """
    run = run_step(workspace, script)

    assert record_of(run).status == "Succeeded"
    assert members(workspace, record_of(run).result["ModelArtifacts"]["S3ModelArtifacts"]) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "InputMode": "Pipe",
                        "DataSource": {
                            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/x"}
                        },
                    }
                ]
            },
            "channel 'train' is in Pipe mode; use File mode here",
        ),
    ],
)
def test_fails_for_what_cannot_be_honoured(
    workspace: Workspace, change: dict[str, Any], reason: str
) -> None:
    run = workspace.run(workspace.pipeline(training("train", ["/bin/true"], request=change)))

    assert reason in str(record_of(run).reason)


def test_fails_before_anything_starts_for_an_algorithm_that_only_its_image_has(
    workspace: Workspace,
) -> None:
    step = training("train", ["/bin/true"])
    del step["Arguments"]["AlgorithmSpecification"]["ContainerEntrypoint"]
    with pytest.raises(RunError, match="run with --sandbox docker"):
        workspace.run(workspace.pipeline(step))
    assert not workspace.places.runs.exists()
