"""Processing steps that run: what the script finds, what becomes of what it writes."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from smp.errors import RunError
from smp.local.store.run_store import Run
from tests.local.pipelines import BUCKET, Workspace, log_of, processing, statuses, step_of

LIST = """
import os
for root, _, names in sorted(os.walk('/opt/ml/processing/input/data')):
    for name in sorted(names):
        path = os.path.join(root, name)
        print(os.path.relpath(path, '/opt/ml/processing/input/data'), open(path).read())
"""


def run_and_read(workspace: Workspace, script: str, **options: Any) -> list[str]:
    """Run a script as a Processing step and return its log's lines."""
    run = workspace.run(workspace.pipeline(workspace.processing("step", script, **options)))
    assert statuses(run) == {"step": "Succeeded"}, step_of(run, "step").reason
    return log_of(run, "step").splitlines()


def test_an_s3_prefix_is_copied_as_a_tree(workspace: Workspace) -> None:
    for key in ("in/a", "in/deep/b", "in/deep/er/c", "input/other"):
        workspace.put(key, key)

    assert run_and_read(workspace, LIST, inputs={"data": f"{BUCKET}/in/"}) == [
        "a in/a",
        "deep/b in/deep/b",
        "deep/er/c in/deep/er/c",
    ]


def test_one_object_is_copied_by_its_name(workspace: Workspace) -> None:
    uri = workspace.put("in/file.csv", "1")

    assert run_and_read(workspace, LIST, inputs={"data": uri}) == ["file.csv 1"]


def test_a_manifest_names_the_objects(workspace: Workspace) -> None:
    for key in ("in/a", "in/deep/b", "in/c"):
        workspace.put(key, key)
    manifest = workspace.put("m.json", json.dumps([{"prefix": f"{BUCKET}/in/"}, "a", "deep/b"]))
    source = {"S3Uri": manifest, "S3DataType": "ManifestFile"}

    assert run_and_read(workspace, LIST, inputs={"data": source}) == [
        "a in/a",
        "deep/b in/deep/b",
    ]


def test_fails_where_a_prefix_also_matches_a_sibling(workspace: Workspace) -> None:
    for key in ("data/train/x.csv", "data/train_aug/x.csv"):
        workspace.put(key, key)
    step = processing("step", inputs={"data": f"{BUCKET}/data/train"})
    run = workspace.run(workspace.pipeline(step))

    reason = str(step_of(run, "step").reason)
    assert f"{BUCKET}/data/train is read as a prefix" in reason
    assert f"{BUCKET}/data/train_aug/x.csv" in reason
    assert f"write {BUCKET}/data/train/ for a directory" in reason


def test_fails_for_a_directory_that_is_an_object(workspace: Workspace) -> None:
    workspace.put("data/part-0", "a")
    step = processing("step", inputs={"data": f"{BUCKET}/data/part-0/"})
    run = workspace.run(workspace.pipeline(step))

    reason = str(step_of(run, "step").reason)
    assert f"{BUCKET}/data/part-0/ is a directory, and {BUCKET}/data/part-0 is one object" in reason


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ('[{"prefix": "s3://smp-local/in/"}, "gone"]', "there is no object s3://smp-local/in/gone"),
        ("{}", "is not a manifest"),
        ('["a"]', "is not a manifest"),
        ("no json", "is not a manifest"),
    ],
)
def test_fails_for_a_manifest_that_cannot_be_followed(
    workspace: Workspace, manifest: str, reason: str
) -> None:
    source = {"S3Uri": workspace.put("m.json", manifest), "S3DataType": "ManifestFile"}
    step = processing("step", inputs={"data": source})

    run = workspace.run(workspace.pipeline(step))

    assert reason in str(step_of(run, "step").reason)


def test_two_instances_share_an_input_by_key(workspace: Workspace) -> None:
    for key in "abc":
        workspace.put(f"in/{key}", key)
    workspace.put("all/x", "x")
    script = """
    import json, os
    config = json.load(open('/opt/ml/config/resourceconfig.json'))
    me = config['current_host']
    names = sorted(os.listdir('/opt/ml/processing/input/data'))
    names += os.listdir('/opt/ml/processing/input/all')
    open(f'/opt/ml/processing/output/o/{me}', 'w').write(' '.join([*config['hosts'], *names]))
    """
    run = workspace.run(
        workspace.pipeline(
            workspace.processing(
                "step",
                script,
                instances=2,
                inputs={
                    "data": {"S3Uri": f"{BUCKET}/in/", "S3DataDistributionType": "ShardedByS3Key"},
                    "all": f"{BUCKET}/all/",
                },
                outputs={"o": f"{BUCKET}/out"},
            )
        )
    )

    assert statuses(run) == {"step": "Succeeded"}
    assert workspace.read("out/algo-1") == "algo-1 algo-2 a c x"
    assert workspace.read("out/algo-2") == "algo-1 algo-2 b x"


def test_fails_where_one_of_two_instances_fails(workspace: Workspace) -> None:
    script = "import socket, sys; sys.exit(socket.gethostname() == 'algo-2')"
    run = workspace.run(workspace.pipeline(workspace.processing("step", script, instances=2)))

    assert statuses(run) == {"step": "Failed"}


def test_outputs_replace_what_was_there_and_leave_the_rest(workspace: Workspace) -> None:
    workspace.put("out/same", "old")
    workspace.put("out/other", "kept")
    script = """
    import os
    os.makedirs('/opt/ml/processing/output/o/deep')
    open('/opt/ml/processing/output/o/same', 'w').write('new')
    open('/opt/ml/processing/output/o/deep/er', 'w').write('deep')
    """
    run_and_read(workspace, script, outputs={"o": f"{BUCKET}/out"})

    assert {key: workspace.read(f"out{key}") for key in workspace.keys("out")} == {
        "/same": "new",
        "/other": "kept",
        "/deep/er": "deep",
    }


def test_a_failing_script_s_outputs_are_not_uploaded(workspace: Workspace) -> None:
    script = """
    open('/opt/ml/processing/output/o/a', 'w').write('half')
    raise SystemExit(2)
    """
    step = workspace.processing("step", script, outputs={"o": f"{BUCKET}/out"})
    run = workspace.run(workspace.pipeline(step))

    assert step_of(run, "step").reason == "AlgorithmError: the script ended with exit code 2"
    assert workspace.keys("out") == []


def test_a_continuous_output_is_there_while_the_job_runs(workspace: Workspace) -> None:
    script = """
    import time
    open('/opt/ml/processing/output/o/early', 'w').write(str(time.time()))
    time.sleep(2.5)
    raise SystemExit(1)
    """
    output = {"S3Uri": f"{BUCKET}/out", "S3UploadMode": "Continuous"}
    step = workspace.processing("step", script, outputs={"o": output})
    seen: list[float] = []
    upload = workspace.store.path_of(f"{BUCKET}/out/early")

    def look() -> None:
        while not upload.exists():
            time.sleep(0.05)
        seen.append(time.time())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    run = workspace.run(workspace.pipeline(step))
    watcher.join(5)

    assert statuses(run) == {"step": "Failed"}
    assert seen[0] < (step_of(run, "step").ended or 0) - 0.5


def test_a_continuous_output_goes_on_past_what_cannot_be_uploaded(workspace: Workspace) -> None:
    script = """
    import os, time
    os.chdir('/opt/ml/processing/output/o')
    os.symlink('/etc/hostname', 'bad')
    ends = time.time() + 2.5
    while time.time() < ends:
        for number in range(50):
            open('growing', 'w').write('x' * 1000)
            os.rename('growing', f'part{number}')
            os.remove(f'part{number}')
    open('last', 'w').write('last')
    raise SystemExit(1)
    """
    output = {"S3Uri": f"{BUCKET}/out", "S3UploadMode": "Continuous"}
    step = workspace.processing("step", script, outputs={"o": output})
    run = workspace.run(workspace.pipeline(step))

    assert step_of(run, "step").reason == "AlgorithmError: the script ended with exit code 1"
    assert workspace.read("out/last") == "last"
    (said,) = log_of(run, "step").splitlines()
    assert said.startswith("not uploaded: ")
    assert said.endswith("outside of what is uploaded")


def test_fails_for_a_link_that_leads_out_of_a_continuous_output(workspace: Workspace) -> None:
    script = "import os; os.symlink('/etc/hostname', '/opt/ml/processing/output/o/bad')"
    output = {"S3Uri": f"{BUCKET}/out", "S3UploadMode": "Continuous"}
    step = workspace.processing("step", script, outputs={"o": output})
    run = workspace.run(workspace.pipeline(step))

    assert "/bad is a link to /etc/hostname" in str(step_of(run, "step").reason)


def test_the_script_finds_its_configuration(workspace: Workspace) -> None:
    script = """
    import json, os, sys
    config = json.load(open('/opt/ml/config/processingjobconfig.json'))
    print(sys.argv[1:], os.environ['A'], config['AppSpecification']['ImageUri'])
    print(os.environ['PROCESSING_JOB_NAME'].startswith('step-'), os.environ['PROCESSING_JOB_ARN'])
    """
    lines = run_and_read(workspace, script, arguments=["--size", "3"], environment={"A": "b c"})

    assert lines[0] == "['--size', '3'] b c image:1"
    assert lines[1].startswith("True arn:aws:sagemaker:us-east-1:000000000000:processing-job/step-")


def test_deploy_time_names_in_code_files_are_filled_in(workspace: Workspace) -> None:
    assert run_and_read(workspace, "print('${smp:bucket} ${smp:region}')", template=True) == [
        "smp-local us-east-1"
    ]
    assert run_and_read(workspace, "print('${smp:bucket}')") == ["${smp:bucket}"]


def test_a_job_cannot_change_its_input(workspace: Workspace) -> None:
    uri = workspace.put("in/a", "original")
    run_and_read(
        workspace,
        "open('/opt/ml/processing/input/data/a', 'w').write('changed')",
        inputs={"data": uri},
    )

    assert workspace.read("in/a") == "original"


def test_fails_for_an_input_that_is_not_there(workspace: Workspace) -> None:
    step = processing("step", inputs={"data": f"{BUCKET}/nothing/here"})
    run = workspace.run(workspace.pipeline(step))

    assert step_of(run, "step").reason == (
        f"there is no object under {BUCKET}/nothing/here; put some there with `smp s3 put`"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"inputs": {"data": {"S3Uri": f"{BUCKET}/in", "LocalPath": "/data"}}},
            "/data is not below /opt/ml",
        ),
        (
            {"inputs": {"data": {"S3Uri": f"{BUCKET}/in", "LocalPath": "/opt/ml/../x"}}},
            "/opt/ml/../x is not below /opt/ml",
        ),
        (
            {"inputs": {"data": {"S3Uri": f"{BUCKET}/in", "S3InputMode": "Pipe"}}},
            "input 'data' is in Pipe mode; use File mode here",
        ),
        (
            {"outputs": {"o": {"S3Uri": f"{BUCKET}/in", "LocalPath": "/srv"}}},
            "/srv is not below /opt/ml",
        ),
    ],
)
def test_fails_for_what_cannot_be_honoured(
    workspace: Workspace, change: dict[str, Any], reason: str
) -> None:
    workspace.put("in/a", "1")
    run = workspace.run(workspace.pipeline(processing("step", **change)))

    assert str(step_of(run, "step").reason).startswith(reason)


def test_fails_a_step_that_runs_what_its_image_brings(workspace: Workspace) -> None:
    step = processing("step")
    del step["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    with pytest.raises(RunError, match="runs what its image brings, which only a container"):
        workspace.run(workspace.pipeline(step))


@pytest.mark.parametrize(
    "script",
    [
        "import os; os.symlink('/etc/hostname', '/opt/ml/processing/output/o/link')",
        """
        import os
        os.rmdir('/opt/ml/processing/output/o')
        os.symlink('/etc', '/opt/ml/processing/output/o')
        """,
        "import os; os.symlink('/etc', '/opt/ml/processing/output/o/directory')",
    ],
)
def test_fails_to_upload_what_a_link_leads_to(workspace: Workspace, script: str) -> None:
    step = workspace.processing("step", script, outputs={"o": f"{BUCKET}/out"})
    run = workspace.run(workspace.pipeline(step))

    assert statuses(run) == {"step": "Failed"}
    assert " is a link to /etc" in str(step_of(run, "step").reason)
    assert workspace.keys("out") == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os.symlink('gone', 'x')", "output/o/gone, which is not there"),
        ("os.mkfifo('x')", "output/o/x is neither a file nor a directory"),
    ],
)
def test_fails_at_once_for_an_output_that_is_no_file(
    workspace: Workspace, statement: str, reason: str
) -> None:
    script = f"import os; os.chdir('/opt/ml/processing/output/o'); {statement}"
    step = workspace.processing("step", script, outputs={"o": f"{BUCKET}/out"})
    retried = {"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": 1, "MaxAttempts": 2}
    run = workspace.run(workspace.pipeline({**step, "RetryPolicies": [retried]}))

    record = step_of(run, "step")
    assert (record.status, record.attempts) == ("Failed", 1)
    assert str(record.reason).endswith(reason)


def test_a_link_within_an_output_is_uploaded_as_what_it_leads_to(workspace: Workspace) -> None:
    script = """
    import os
    open('/opt/ml/processing/output/o/a', 'w').write('1')
    os.symlink('a', '/opt/ml/processing/output/o/latest')
    """
    run_and_read(workspace, script, outputs={"o": f"{BUCKET}/out"})

    assert workspace.read("out/latest") == "1"


def test_a_step_past_its_time_fails_and_says_so(workspace: Workspace) -> None:
    step = processing("step", ("/bin/sh", "-c", "sleep 60"), limit=1)
    run = workspace.run(workspace.pipeline(step))

    assert step_of(run, "step").reason == "it ran longer than MaxRuntimeInSeconds = 1"


def test_what_the_script_says_of_its_failure_is_the_reason(workspace: Workspace) -> None:
    script = """
    open('/opt/ml/output/message', 'w').write('no rows left')
    raise SystemExit(3)
    """
    run = workspace.run(workspace.pipeline(workspace.processing("step", script)))

    assert step_of(run, "step").reason == (
        "AlgorithmError: the script ended with exit code 3: no rows left"
    )


def test_the_working_directory_goes_unless_it_is_kept_or_needed(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(processing("step"))
    gone, kept = workspace.run(pipeline), workspace.run(pipeline, keep=True)
    failed = workspace.run(workspace.pipeline(processing("step", ("/bin/false",))))

    def left(run: Run) -> bool:
        return (run.step_directory("step") / "attempt-1").exists()

    assert (left(gone), left(kept), left(failed)) == (False, True, True)


@pytest.mark.slow
def test_two_gigabytes_go_from_step_to_step(workspace: Workspace) -> None:
    write = workspace.processing(
        "write",
        "open('/opt/ml/processing/output/o/big', 'wb').truncate(2_000_000_000)",
        outputs={"o": f"{BUCKET}/big"},
    )
    read = workspace.processing(
        "read",
        "import os; print(os.path.getsize('/opt/ml/processing/input/o/big'))",
        inputs={"o": {"Get": "Steps.write.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}},
    )
    run = workspace.run(workspace.pipeline(write, read))

    assert log_of(run, "read") == "2000000000\n"
