"""Jobs on EMR Serverless in the definition, their requests, and what the pipeline may do for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.definition.request_check import check_step_request
from smp.errors import CompileError, ScriptError
from smp.graph import build_graph
from tests.compiler.compiling import arguments, compile_demo, step
from tests.graph.workspace import DIRECTORY, load, pipeline_of, write

ROLE = "arn:aws:iam::111122223333:role/spark"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d"
APPLICATION = "arn:${smp:partition}:emr-serverless:${smp:region}:${smp:account_id}:/applications"
SPARK = "spark: {entry_point: preprocess.py}"
THERE = "application_id: 00f1abcd"
PLAIN = f"job: EMRServerless, {THERE}, execution_role: spark, {SPARK}"


def code_of(compiled: CompiledPipeline) -> str:
    (tree,) = compiled.code
    return f"s3://${{smp:bucket}}/code/{tree.sha256}"


def test_a_job_of_an_application_that_is_there(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, PLAIN)
    role = "arn:${smp:partition}:iam::${smp:account_id}:role/spark"
    assert step(compiled, "job") == {
        "Name": "job",
        "Type": "EMRServerless",
        "Arguments": {
            "ExecutionRoleArn": role,
            "ApplicationId": "00f1abcd",
            "JobConfig": {
                "executionRoleArn": role,
                "applicationId": "00f1abcd",
                "jobDriver": {"sparkSubmit": {"entryPoint": f"{code_of(compiled)}/preprocess.py"}},
                "executionTimeoutMinutes": 720,
                "name": "demo-job",
            },
        },
        "RetryPolicies": [
            {
                "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
                "IntervalSeconds": 5,
                "BackoffRate": 2.0,
                "MaxAttempts": 3,
            }
        ],
    }


def test_values_of_the_execution_are_arguments_and_properties(tmp_path: Path) -> None:
    spark = (
        "{entry_point: preprocess.py, arguments: [--day, '${parameters.day}', 3, "
        "'left=${ask.outputs.left}', 's3://data/${parameters.day}/x'], "
        "properties: {spark.executor.memory: '${parameters.memory}', spark.task.cpus: 2}}"
    )
    text = pipeline_of(
        f"job: EMRServerless, {THERE}, execution_role: '{ROLE}', spark: {spark}, "
        "execution_timeout_minutes: '${parameters.minutes}'\n"
        "ask: Lambda, function: f, outputs: {left: Integer}"
    ).replace(
        "    models:",
        "    parameters: [{name: day, type: String}, {name: memory, type: String, default: 4g}, "
        "{name: minutes, type: Integer, default: 60}]\n    models:",
        1,
    )
    compiled = compile_pipeline(build_graph(load(tmp_path, text), "demo"), tmp_path / "store")
    job = arguments(compiled, "job")["JobConfig"]
    day = {"Get": "Parameters.day"}
    left = {"Get": "Steps.ask.OutputParameters['left']"}
    assert job["jobDriver"]["sparkSubmit"]["entryPointArguments"] == [
        "--day",
        day,
        "3",
        {"Std:Join": {"On": "", "Values": ["left=", left]}},
        {"Std:Join": {"On": "", "Values": ["s3://data/", day, "/x"]}},
    ]
    assert job["configurationOverrides"]["applicationConfiguration"] == [
        {
            "classification": "spark-defaults",
            "properties": {
                "spark.executor.memory": {"Get": "Parameters.memory"},
                "spark.task.cpus": "2",
            },
        }
    ]
    assert job["executionTimeoutMinutes"] == {"Get": "Parameters.minutes"}
    assert compiled.edges()["job"] == ("ask",)


def test_files_go_along_at_their_content_addresses(tmp_path: Path) -> None:
    for name in ("app.jar", "lib/more.jar", "lib/rows.py", "names.txt"):
        write(tmp_path / DIRECTORY / "scripts" / name, name)
    spark = (
        "{entry_point: app.jar, main_class: com.example.Rows, py_files: lib/rows.py, "
        "jars: [lib/more.jar], files: [names.txt]}"
    )
    compiled = compile_demo(
        tmp_path, f"job: EMRServerless, {THERE}, execution_role: spark, spark: {spark}"
    )
    root = code_of(compiled)
    assert arguments(compiled, "job")["JobConfig"]["jobDriver"]["sparkSubmit"] == {
        "entryPoint": f"{root}/app.jar",
        "sparkSubmitParameters": "--class com.example.Rows "
        f"--py-files {root}/lib/rows.py --jars {root}/lib/more.jar --files {root}/names.txt",
    }


def test_a_query_of_hive(tmp_path: Path) -> None:
    for name in ("rows.sql", "begin.hql"):
        write(tmp_path / DIRECTORY / "scripts" / name, "select 1")
    hive = (
        "{query: rows.sql, init_query: begin.hql, "
        "properties: {hive.exec.scratchdir: 's3://data/hive'}}"
    )
    compiled = compile_demo(
        tmp_path,
        "job: EMRServerless, application: {release_label: emr-7.9.0}, execution_role: spark, "
        f"hive: {hive}",
    )
    root = code_of(compiled)
    job = arguments(compiled, "job")["JobConfig"]
    assert job["jobDriver"] == {
        "hive": {"query": f"{root}/rows.sql", "initQueryFile": f"{root}/begin.hql"}
    }
    assert job["configurationOverrides"]["applicationConfiguration"] == [
        {"classification": "hive-site", "properties": {"hive.exec.scratchdir": "s3://data/hive"}}
    ]
    assert arguments(compiled, "job")["ApplicationConfig"]["type"] == "HIVE"


def test_an_application_is_made_in_the_pipelines_network(tmp_path: Path) -> None:
    application = (
        "{release_label: emr-7.9.0, architecture: ARM64, "
        "initial_capacity: {Driver: {worker_count: 1, cpu: 2 vCPU, memory: 8 GB}}, "
        "maximum_capacity: {cpu: 40, memory: 160 GB, disk: 500 GB}, "
        "image_uri: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/spark:1'}"
    )
    compiled = compile_demo(
        tmp_path,
        f"job: EMRServerless, application: {application}, execution_role: spark, {SPARK}, "
        "tags: [{Key: team, Value: data}]",
    )
    assert "ApplicationId" not in arguments(compiled, "job")
    assert "applicationId" not in arguments(compiled, "job")["JobConfig"]
    assert arguments(compiled, "job")["JobConfig"]["tags"] == {"team": "data"}
    assert arguments(compiled, "job")["ApplicationConfig"] == {
        "name": "demo-job",
        "type": "SPARK",
        "releaseLabel": "emr-7.9.0",
        "architecture": "ARM64",
        "networkConfiguration": {
            "subnetIds": ["${smp:subnets}"],
            "securityGroupIds": ["${smp:security_group_ids}"],
        },
        "imageConfiguration": {"imageUri": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/spark:1"},
        "initialCapacity": {
            "Driver": {
                "workerCount": 1,
                "workerConfiguration": {"cpu": "2 vCPU", "memory": "8 GB"},
            }
        },
        "maximumCapacity": {"cpu": "40", "memory": "160 GB", "disk": "500 GB"},
        "tags": {"team": "data"},
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", "${smp:kms_key_arn}"),
        (f", log_kms_key: '{KEY}'", KEY),
    ],
    ids=["the pipeline's", "own"],
)
def test_logs_are_encrypted_with_a_key(tmp_path: Path, key: str, expected: str) -> None:
    compiled = compile_demo(tmp_path, f"{PLAIN}, log_uri: 's3://SMP_S3BUCKETNAME/emr/logs'{key}")
    overrides = arguments(compiled, "job")["JobConfig"]["configurationOverrides"]
    assert overrides["monitoringConfiguration"]["s3MonitoringConfiguration"] == {
        "logUri": "s3://${smp:bucket}/emr/logs",
        "encryptionKeyArn": expected,
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0a1b2c3d", "arn:${smp:partition}:kms:${smp:region}:${smp:account_id}:key/0a1b2c3d"),
        (KEY, KEY),
    ],
)
def test_the_pipelines_key_by_id_becomes_its_arn(
    tmp_path: Path, written: str, expected: str
) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{PLAIN}, log_uri: 's3://data/logs'",
        top=f"  sagemakerNetworkSecurity: {{kms_key: '{written}'}}\n",
    )
    overrides = arguments(compiled, "job")["JobConfig"]["configurationOverrides"]
    found = overrides["monitoringConfiguration"]["s3MonitoringConfiguration"]
    assert found["encryptionKeyArn"] == expected


def test_a_result_may_be_reused(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{PLAIN}, enable_cache: true, cache_expire_after: 2w")
    assert step(compiled, "job")["CacheConfig"] == {"Enabled": True, "ExpireAfter": "2w"}


def test_retries_are_those_of_the_step(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{PLAIN}, retry: {{enabled: false}}")
    assert "RetryPolicies" not in step(compiled, "job")


def test_on_failure_of_a_job(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{PLAIN}, on_failure: tell\ntell: Lambda, function: g")
    assert step(compiled, "tell")["DependsOn"] == [{"Step": "job", "Trigger": "Failed"}]


def test_requests_are_checked_against_those_of_emr_serverless(tmp_path: Path) -> None:
    found = step(compile_demo(tmp_path, PLAIN), "job")
    assert check_step_request(found) == []
    found["Arguments"]["JobConfig"]["jobDriver"]["sparkSubmit"]["entryPoint"] = 3
    found["Arguments"]["ApplicationConfig"] = {"type": "SPARK", "size": 1}
    assert check_step_request(found) == [
        (
            "Arguments.JobConfig.jobDriver.sparkSubmit.entryPoint",
            "expected a string, found 3",
        ),
        ("Arguments.ApplicationConfig.releaseLabel", "it is required"),
        ("Arguments.ApplicationConfig.size", "there is no such member"),
    ]


def test_the_pipeline_may_run_jobs_of_this_application_alone(tmp_path: Path) -> None:
    permissions = plan_permissions(
        compile_demo(
            tmp_path,
            f"job: EMRServerless, {THERE}, execution_role: '{ROLE}', "
            "spark: {entry_point: preprocess.py, arguments: ['s3://elsewhere/x']}, "
            "tags: [{Key: team, Value: data}]",
        )
    )
    here = f"{APPLICATION}/00f1abcd"
    assert [(s.sid, list(s.actions), list(s.resources)) for s in permissions.pipeline] == [
        (
            "StartEmrJobs",
            ["emr-serverless:GetApplication", "emr-serverless:StartJobRun"],
            [here],
        ),
        (
            "FollowEmrJobs",
            ["emr-serverless:CancelJobRun", "emr-serverless:GetJobRun"],
            [f"{here}/jobruns/*"],
        ),
        ("TagEmrJobs", ["emr-serverless:TagResource"], [f"{here}/jobruns/*"]),
        ("PassEmrRoles", ["iam:PassRole"], [ROLE]),
    ]
    passed = permissions.pipeline[-1].conditions
    assert passed == {"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}}
    assert not permissions.data, "the job has a role of its own"
    assert not permissions.unknown_step_types


def test_making_an_application_takes_more(tmp_path: Path) -> None:
    steps = (
        "job: EMRServerless, application: {release_label: emr-7.9.0}, execution_role: spark, "
        f"{SPARK}"
    )
    permissions = plan_permissions(compile_demo(tmp_path, steps))
    found = {s.sid: s for s in permissions.pipeline}
    assert list(found) == [
        "StartEmrJobs",
        "FollowEmrJobs",
        "PassEmrRoles",
        "MakeEmrApplications",
        "DeleteEmrApplications",
        "ConnectEmrApplications",
        "CreateEmrServiceRole",
    ]
    assert found["StartEmrJobs"].resources == [f"{APPLICATION}/*"]
    assert found["DeleteEmrApplications"].actions == [
        "emr-serverless:DeleteApplication",
        "emr-serverless:StartApplication",
        "emr-serverless:StopApplication",
    ]
    linked = "ops.emr-serverless.amazonaws.com"
    assert found["ConnectEmrApplications"].conditions == {
        "StringEquals": {"aws:CalledViaLast": linked}
    }
    assert found["CreateEmrServiceRole"].conditions == {
        "StringEquals": {"iam:AWSServiceName": linked}
    }
    assert all(s.wildcard for s in found.values() if any("*" in r for r in s.resources))


def test_fails_for_a_script_that_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/.smpignore", "job.py\n")
    write(tmp_path / DIRECTORY / "scripts/job.py", "")
    with pytest.raises(ScriptError) as caught:
        compile_demo(tmp_path, PLAIN.replace("preprocess.py", "job.py"), demo__preprocess="")
    assert "'job.py', its spark.entry_point, is left out" in str(caught.value)


def test_fails_for_a_trigger_that_the_logs_would_set_off(tmp_path: Path) -> None:
    text = pipeline_of(f"{PLAIN}, log_uri: s3://SMP_S3BUCKETNAME/logs/emr").replace(
        "    models:\n", "    triggers: [{name: new, type: data, prefix: logs/}]\n    models:\n", 1
    )
    with pytest.raises(CompileError) as caught:
        compile_pipeline(build_graph(load(tmp_path, text), "demo"), tmp_path / "store")
    (problem,) = caught.value.problems
    assert problem.reason == "the pipeline itself writes there: each execution would start the next"
    assert problem.allowed == "a prefix apart from s3://SMP_S3BUCKETNAME/logs/emr"
