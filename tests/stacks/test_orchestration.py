"""Airflow in an environment: managed, on an instance, serverless; and the DAGs that pipelines bring."""

from __future__ import annotations

import json
from typing import Any

import cfnlint
import pytest
import yaml

from constructs_lib.airflow_host import SCRIPT
from smp.definition.compiled import Json
from smp.export.airflow import render_dag
from smp.export.airflow.runtime_files import all_runtime_files
from tests.stacks.synthesis import Synthesis, shown
from tests.stacks.targets import everywhere

MANAGED = "Smp-managed-Orchestration"
HOSTED = "Smp-hosted-Orchestration"
BROUGHT = "Smp-brought-Orchestration"
CHURN = "Smp-managed-Pipeline-churn"
STARTED = "Smp-hosted-Pipeline-started"
WORKFLOW = "Smp-serverless-Pipeline-workflow"
OPEN = {"0.0.0.0/0", "::/0"}


def only(synthesis: Synthesis, stack: str, kind: str) -> Any:
    (resource,) = synthesis.resources(stack, kind).values()
    return shown(resource["Properties"])


def uploads(synthesis: Synthesis, stack: str) -> dict[str, Json]:
    found = synthesis.resources(stack, "Custom::CDKBucketDeployment").values()
    return {each["Properties"]["DestinationBucketKeyPrefix"]: each["Properties"] for each in found}


def uploaded(synthesis: Synthesis, stack: str, prefix: str) -> dict[str, str]:
    """Return the texts that an upload brings, by their names."""
    files = {}
    for key in uploads(synthesis, stack)[prefix]["SourceObjectKeys"]:
        directory = synthesis.directory / f"asset.{key.removesuffix('.zip')}"
        for path in directory.rglob("*"):
            if path.is_file():
                files[path.relative_to(directory).as_posix()] = path.read_text("utf-8")
    return files


def test_only_an_airflow_of_its_own_is_a_stack(targeted: Synthesis) -> None:
    stacks = {name for name in targeted.names() if name.endswith("-Orchestration")}
    assert stacks == {MANAGED, HOSTED, BROUGHT}


def test_a_managed_environment_is_private_encrypted_and_logs_all_it_does(
    targeted: Synthesis,
) -> None:
    airflow = only(targeted, MANAGED, "AWS::MWAA::Environment")
    assert airflow["Name"] == "Smp-managed-Airflow"
    assert airflow["WebserverAccessMode"] == "PRIVATE_ONLY"
    assert airflow["AirflowVersion"] == "3.0.6"
    assert "EncryptionKey" in airflow["KmsKey"]
    assert len(airflow["NetworkConfiguration"]["SubnetIds"]) == 2
    assert all("Isolated" in each for each in airflow["NetworkConfiguration"]["SubnetIds"])
    assert set(airflow["LoggingConfiguration"]) == {
        "DagProcessingLogs",
        "SchedulerLogs",
        "TaskLogs",
        "WebserverLogs",
        "WorkerLogs",
    }
    assert all(each["Enabled"] for each in airflow["LoggingConfiguration"].values())
    groups = [
        group["Properties"]
        for group in targeted.resources(MANAGED, "AWS::Logs::LogGroup").values()
        if "LogGroupName" in group["Properties"]
    ]
    kinds = ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    assert {group["LogGroupName"] for group in groups} == {
        f"airflow-Smp-managed-Airflow-{kind}" for kind in kinds
    }
    assert all(group["RetentionInDays"] == 90 and "KmsKeyId" in group for group in groups)


def test_settings_shape_a_managed_environment(targeted: Synthesis) -> None:
    airflow = only(targeted, BROUGHT, "AWS::MWAA::Environment")
    assert airflow["EnvironmentClass"] == "mw1.micro"
    assert (airflow["Schedulers"], airflow["MaxWorkers"]) == (1, 1)
    assert airflow["WeeklyMaintenanceWindowStart"] == "SUN:03:30"
    assert airflow["AirflowConfigurationOptions"] == {
        "core.dags_are_paused_at_creation": "False",
        "core.default_task_retries": "2",
    }
    assert airflow["NetworkConfiguration"]["SubnetIds"] == ["subnet-3a2b3c4d", "subnet-4a2b3c4d"]
    assert only(targeted, BROUGHT, "AWS::EC2::SecurityGroup")["VpcId"] == "vpc-1a2b3c4d"
    assert targeted.resources(BROUGHT, "AWS::EC2::VPCEndpoint") == {}


def test_packages_are_constrained_where_any_can_be_fetched(targeted: Synthesis) -> None:
    path = only(targeted, BROUGHT, "AWS::MWAA::Environment")["RequirementsS3Path"]
    directory, _, name = path.partition("/")
    lines = uploaded(targeted, BROUGHT, directory)[name].splitlines()
    address = (
        "https://raw.githubusercontent.com/apache/airflow/constraints-3.0.6/constraints-3.12.txt"
    )
    assert lines == [f'--constraint "{address}"', "pandas==2.2.3"]
    path = only(targeted, MANAGED, "AWS::MWAA::Environment")["RequirementsS3Path"]
    isolated = uploaded(targeted, MANAGED, directory)[path.partition("/")[2]]
    assert [line for line in isolated.splitlines() if not line.startswith("#")] == []


def test_nobody_from_outside_gets_in(targeted: Synthesis) -> None:
    for stack in (MANAGED, HOSTED, BROUGHT):
        for group in targeted.resources(stack, "AWS::EC2::SecurityGroup").values():
            assert "SecurityGroupIngress" not in group["Properties"]
        for rule in targeted.resources(stack, "AWS::EC2::SecurityGroupIngress").values():
            assert "SourceSecurityGroupId" in rule["Properties"]
            assert not OPEN & {rule["Properties"].get(key) for key in ("CidrIp", "CidrIpv6")}


def test_an_isolated_environment_reaches_what_it_calls(targeted: Synthesis) -> None:
    services = {
        shown(each["Properties"]["ServiceName"]).removeprefix("com.amazonaws.eu-west-1.")
        for each in targeted.resources(MANAGED, "AWS::EC2::VPCEndpoint").values()
    }
    airflow = {"airflow.api", "airflow.env", "airflow.ops", "sqs"}
    assert services == airflow | {"ssm", "ssmmessages"}
    rules = [
        shown(rule["Properties"])
        for rule in targeted.resources(MANAGED, "AWS::EC2::SecurityGroupIngress").values()
    ]
    to_endpoints = [rule for rule in rules if "EndpointSecurityGroup" in rule["GroupId"]]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in to_endpoints] == [(443, 443)] * 2


def test_the_managed_role_is_the_environments_own_and_does_no_work_of_pipelines(
    targeted: Synthesis,
) -> None:
    statements = shown(targeted.statements(MANAGED, "AirflowPolicy"))
    actions = {action for each in statements.values() for action in each["Action"]}
    assert not any(action.startswith(("sagemaker:", "iam:")) for action in actions)
    assert statements["CheckAccountAndMetrics"]["Resource"] == ["*"]
    assert [sid for sid, each in statements.items() if "*" in each["Resource"]] == [
        "CheckAccountAndMetrics"
    ]
    (role,) = (
        role["Properties"]
        for name, role in targeted.resources(MANAGED, "AWS::IAM::Role").items()
        if name.startswith("AirflowRole")
    )
    (trust,) = shown(role["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Principal"]["Service"] == ["airflow-env.amazonaws.com", "airflow.amazonaws.com"]
    arn = "arn:aws:airflow:eu-west-1:123456789012:environment/Smp-managed-Airflow"
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": arn}


@pytest.mark.parametrize("stack", [MANAGED, HOSTED])
def test_the_bucket_of_dags_is_private_versioned_and_encrypted(
    targeted: Synthesis, stack: str
) -> None:
    (bucket,) = (
        bucket["Properties"]
        for name, bucket in targeted.resources(stack, "AWS::S3::Bucket").items()
        if name.startswith("DagsBucket")
    )
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_dags_share_their_runtime_which_no_dag_directory_holds(targeted: Synthesis) -> None:
    files = uploaded(targeted, MANAGED, "dags")
    ignored = files.pop(".airflowignore")
    assert files == all_runtime_files()
    assert set(ignored.split()) == set(files)
    assert uploads(targeted, MANAGED)["dags"]["Prune"] is False


def test_a_pipeline_brings_its_dag_and_the_values_of_its_deployment(
    targeted: Synthesis, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = uploaded(targeted, CHURN, "dags/churn")
    rendered = render_dag(everywhere(tmp_path_factory.mktemp("again")))
    assert set(files) == {"churn.py", "churn_values.json"}
    assert files["churn.py"] == rendered["churn.py"]
    values = json.loads(files["churn_values.json"])
    markers = uploads(targeted, CHURN)["dags/churn"]["SourceMarkers"]
    known = {marker: shown(value) for each in markers for marker, value in each.items()}
    assert known[values["role_arn"]] == "<PipelineJobRole77082595.Arn>"
    assert "DataBucket" in known[values["bucket"]]
    assert values["region"] == "eu-west-1"
    assert [("Isolated" in known[subnet]) for subnet in values["subnets"]] == [True, True]


def test_a_dag_that_starts_the_pipeline_comes_after_it_and_can_do_nothing_else(
    targeted: Synthesis,
) -> None:
    (upload,) = (
        each
        for each in targeted.resources(STARTED, "Custom::CDKBucketDeployment").values()
        if each["Properties"].get("DestinationBucketKeyPrefix") == "dags/started"
    )
    pipelines = targeted.resources(STARTED, "AWS::SageMaker::Pipeline").keys()
    assert pipelines <= set(upload["DependsOn"])
    assert "ExecutionStart(" in uploaded(targeted, STARTED, "dags/started")["started.py"]
    statements = shown(targeted.statements(STARTED, "DagPolicy"))
    assert set(statements) == {"StartPipeline", "FollowExecutions"}
    place = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/started"
    assert statements["StartPipeline"]["Resource"] == [place]
    assert statements["FollowExecutions"]["Resource"] == [f"{place}/execution/*"]


def test_a_dag_goes_with_its_stack(targeted: Synthesis) -> None:
    upload = uploads(targeted, CHURN)["dags/churn"]
    assert upload["Prune"] is True
    assert upload["RetainOnDelete"] is False
    assert "DagsBucket" in shown(upload["DestinationBucketName"])
    statements = shown(targeted.statements(CHURN, "PipelineFilesDagPolicy"))
    (resource,) = statements["WriteFiles"]["Resource"]
    assert resource.endswith("/dags/churn/*")


def test_the_role_of_airflow_may_hand_on_the_job_role_of_each_pipeline_alone(
    targeted: Synthesis,
) -> None:
    statements = shown(targeted.statements(CHURN, "DagPolicy"))
    assert statements["PassJobRole"]["Resource"] == ["<PipelineJobRole77082595.Arn>"]
    assert statements["PassJobRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }
    (policy,) = (
        each["Properties"]
        for name, each in targeted.resources(CHURN, "AWS::IAM::ManagedPolicy").items()
        if name.startswith("DagPolicy")
    )
    (role,) = policy["Roles"]
    assert "AirflowRole" in shown(role)


def test_an_instance_has_no_open_door(targeted: Synthesis) -> None:
    for stack in (MANAGED, HOSTED):
        instance = only(targeted, stack, "AWS::EC2::Instance")
        assert "KeyName" not in instance
        assert "NetworkInterfaces" not in instance
        data = only(targeted, stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        (volume,) = data["BlockDeviceMappings"]
        assert volume["Ebs"]["Encrypted"] is True
        assert "KmsKeyId" in volume["Ebs"]
    assert "Egress" in only(targeted, HOSTED, "AWS::EC2::Instance")["SubnetId"]


def test_the_database_is_isolated_encrypted_and_its_password_changes(targeted: Synthesis) -> None:
    database = only(targeted, HOSTED, "AWS::RDS::DBInstance")
    assert database["PubliclyAccessible"] is False
    assert database["StorageEncrypted"] is True
    assert database["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] == 14
    subnets = only(targeted, HOSTED, "AWS::RDS::DBSubnetGroup")["SubnetIds"]
    assert all("Isolated" in subnet for subnet in subnets)
    parameters = only(targeted, HOSTED, "AWS::RDS::DBParameterGroup")["Parameters"]
    assert parameters == {"rds.force_ssl": "1"}
    rules = [
        shown(rule["Properties"])
        for rule in targeted.resources(HOSTED, "AWS::EC2::SecurityGroupIngress").values()
    ]
    entering = [rule for rule in rules if "Database" in rule["GroupId"]]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in entering] == [(5433, 5433)]


def test_the_instance_reads_two_secrets_and_its_dags(targeted: Synthesis) -> None:
    statements = shown(targeted.statements(HOSTED, "AirflowHostPolicy"))
    assert len(statements["ReadSecrets"]["Resource"]) == 2
    everything = [sid for sid, each in statements.items() if "*" in each["Resource"]]
    assert everything == ["ServeSessions", "FindLogGroup"]
    assert statements["FindLogGroup"]["Action"] == ["logs:DescribeLogGroups"]
    assert statements["ServeSessions"]["Action"] == [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ]
    actions = {action for each in statements.values() for action in each["Action"]}
    assert "s3:PutObject" not in actions


def test_the_stack_of_an_instance_is_complete_when_the_web_interface_responds(
    targeted: Synthesis,
) -> None:
    ((name, instance),) = targeted.resources(HOSTED, "AWS::EC2::Instance").items()
    assert instance["CreationPolicy"] == {"ResourceSignal": {"Count": 1, "Timeout": "PT30M"}}
    template = only(targeted, HOSTED, "AWS::EC2::LaunchTemplate")
    script = str(shown(template["LaunchTemplateData"]["UserData"]))
    assert f"STACK_NAME='{HOSTED}'\nINSTANCE_RESOURCE='{name}'" in script.replace(
        "\\n", "\n"
    ).replace("\\'", "'")
    statements = shown(targeted.statements(HOSTED, "AirflowHostPolicy"))
    assert statements["SignalStack"]["Resource"] == [
        f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{HOSTED}/*"
    ]


def test_a_restart_of_the_instance_stops_no_job() -> None:
    """Tasks wait in the triggerer; the scheduler gets its signal alone and time for its running tasks."""
    script = SCRIPT.read_text("utf-8")
    assert "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE=True" in script
    assert "apache-airflow-providers-amazon[aiobotocore]" in script
    assert "PYTHONPATH=${HOME_DIR}/dags" in script
    assert "KillMode=mixed" in script


def test_a_workflow_follows_the_content_of_its_definition(targeted: Synthesis) -> None:
    workflow = only(targeted, WORKFLOW, "AWS::MWAAServerless::Workflow")
    assert workflow["Name"] == "workflow"
    assert workflow["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KEY"
    prefix, _, name = workflow["DefinitionS3Location"]["ObjectKey"].partition("/")
    assert prefix == "definitions"
    definition = yaml.safe_load(uploaded(targeted, WORKFLOW, prefix)[name])
    (dag,) = definition.values()
    assert set(dag["tasks"]) == {"prep"}
    assert "${smp:" not in json.dumps(definition)


def test_a_workflow_has_a_role_of_its_own_that_hands_on_the_job_role_alone(
    targeted: Synthesis,
) -> None:
    statements = shown(targeted.statements(WORKFLOW, "WorkflowPolicy"))
    assert statements["PassJobRole"]["Resource"] == ["<PipelineJobRole77082595.Arn>"]
    (role,) = (
        role["Properties"]
        for name, role in targeted.resources(WORKFLOW, "AWS::IAM::Role").items()
        if name.startswith("WorkflowRole")
    )
    (trust,) = shown(role["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Principal"] == {"Service": "airflow-serverless.amazonaws.com"}


def test_logical_ids_of_what_holds_state_stay(targeted: Synthesis) -> None:
    ids = {
        name
        for stack, kind in (
            (MANAGED, "AWS::MWAA::Environment"),
            (HOSTED, "AWS::RDS::DBInstance"),
            (HOSTED, "AWS::SecretsManager::Secret"),
        )
        for name in targeted.resources(stack, kind)
    }
    ids |= {
        name for stack in (MANAGED, HOSTED) for name in targeted.resources(stack, "AWS::S3::Bucket")
    }
    assert ids == {
        "AirflowBA1DF899",
        "AirflowDatabaseInstance875EF30F",
        "AirflowKeysF3C60C8C",
        "DagsAccessLogsDB8C5226",
        "DagsBucket4A8F3CC8",
    }


@pytest.mark.slow
@pytest.mark.parametrize("stack", [MANAGED, HOSTED, BROUGHT, WORKFLOW])
def test_cloudformation_takes_the_template(targeted: Synthesis, stack: str) -> None:
    """W3691 knows minor versions of databases alone; RDS takes the newest of a major one."""
    ignored = ["W3005", "W6001", "W3691"]
    arguments = cfnlint.ManualArgs(regions=["eu-west-1"], ignore_checks=ignored)
    assert [str(match) for match in cfnlint.lint(targeted.text(stack), config=arguments)] == []
