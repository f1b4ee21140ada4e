"""What any stack gets from a pipeline, created or imported: grants, metrics and rules."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns

from constructs_lib.job_environment import JobEnvironment
from constructs_lib.pipeline_interface import ISageMakerPipeline
from constructs_lib.sagemaker_pipeline import SageMakerPipeline
from smp.errors import SetupError
from tests.stacks.pipelines import full_pipeline
from tests.stacks.synthesis import ROOT, shown

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Churn-Weekly"
LOWER = ARN.lower()
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def stack(
    app: cdk.App | None = None,
    name: str = "Own",
    account: str | None = None,
    region: str | None = None,
) -> cdk.Stack:
    env = cdk.Environment(account=account, region=region)
    return cdk.Stack(app or cdk.App(), name, env=env)


def imported(scope: cdk.Stack, arn: str = ARN) -> ISageMakerPipeline:
    return SageMakerPipeline.from_pipeline_arn(scope, "Imported", arn)


def created(scope: cdk.Stack, store: Path, name: str = "Churn-Weekly") -> SageMakerPipeline:
    environment = JobEnvironment(
        bucket=s3.Bucket.from_bucket_name(scope, f"{name}Bucket", "own-bucket"),
        key=kms.Key.from_key_arn(scope, f"{name}Key", KEY),
        subnet_ids=["subnet-12345678"],
        security_group_ids=["sg-12345678"],
    )
    return SageMakerPipeline(
        scope, name, pipeline=full_pipeline(store, name), environment=environment
    )


def role(scope: cdk.Stack) -> iam.Role:
    return iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def resources(scope: cdk.Stack, kind: str) -> list[dict[str, Any]]:
    found = assertions.Template.from_stack(scope).find_resources(kind)
    return [shown(resource["Properties"]) for resource in found.values()]


def statements(scope: cdk.Stack) -> list[dict[str, Any]]:
    (policy,) = resources(scope, "AWS::IAM::Policy")
    return cast(list[dict[str, Any]], policy["PolicyDocument"]["Statement"])


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


GRANTS: dict[str, Callable[[ISageMakerPipeline, iam.IGrantable], iam.Grant]] = {
    "grant_start_execution": ISageMakerPipeline.grant_start_execution,
    "grant_start_pipeline_execution": ISageMakerPipeline.grant_start_pipeline_execution,
    "grant_stop_execution": ISageMakerPipeline.grant_stop_execution,
    "grant_retry_execution": ISageMakerPipeline.grant_retry_execution,
    "grant_callback_response": ISageMakerPipeline.grant_callback_response,
    "grant_read": ISageMakerPipeline.grant_read,
}


def authorization_reference() -> dict[str, list[str]]:
    """Return the resource types of each SageMaker action, from the data that cfn-lint brings."""
    text = files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text("utf-8")
    actions = json.loads(text)["sagemaker"]["Actions"]
    return {name: action.get("Resources", []) for name, action in actions.items()}


def test_every_grant_of_the_class_is_tested() -> None:
    found = {name for name in dir(ISageMakerPipeline) if name.startswith("grant_")}
    assert found - {"grant_execution"} == set(GRANTS)


@pytest.mark.parametrize("name", GRANTS)
def test_a_grant_names_resources_of_the_type_that_iam_checks(name: str) -> None:
    scope = stack()
    grant = GRANTS[name](imported(scope), role(scope))
    assert isinstance(grant, iam.Grant)
    assert grant.success
    reference = authorization_reference()
    for statement in statements(scope):
        for action in listed(statement["Action"]):
            (kind,) = reference[action.removeprefix("sagemaker:").lower()]
            suffix = "" if kind == "pipeline" else "/execution/*"
            assert sorted(statement["Resource"]) == sorted([f"{ARN}{suffix}", f"{LOWER}{suffix}"])


def test_starting_executions_needs_one_action() -> None:
    scope = stack()
    SageMakerPipeline.from_pipeline_arn(scope, "Imported", LOWER).grant_start_execution(role(scope))
    assert statements(scope) == [
        {"Action": "sagemaker:StartPipelineExecution", "Effect": "Allow", "Resource": LOWER}
    ]


def test_a_grant_reaches_an_imported_role_and_spares_one_that_must_not_change() -> None:
    scope = stack()
    arn = "arn:aws:iam::123456789012:role/team/starter"
    fixed = iam.Role.from_role_arn(scope, "Fixed", arn, mutable=False)
    pipeline = imported(scope)
    pipeline.grant_start_execution(fixed)
    assert assertions.Template.from_stack(scope).find_resources("AWS::IAM::Policy") == {}
    scope = stack()
    imported(scope).grant_start_execution(iam.Role.from_role_arn(scope, "Other", arn))
    (policy,) = resources(scope, "AWS::IAM::Policy")
    assert policy["Roles"] == ["starter"]


def test_a_created_pipeline_and_its_import_grant_and_measure_alike(tmp_path: Path) -> None:
    one, other = stack(account="123456789012", region="eu-west-1"), stack(region="eu-west-1")
    own, foreign = created(one, tmp_path), imported(other)
    for scope, pipeline in ((one, own), (other, foreign)):
        pipeline.grant_read(role(scope))
    partition = "arn:<AWS::Partition>:"
    found = [
        [arn.replace(partition, "arn:aws:") for arn in listed(statement["Resource"])]
        for statement in statements(one)
    ]
    assert found == [statement["Resource"] for statement in statements(other)]
    assert own.pipeline_name == foreign.pipeline_name == "Churn-Weekly"
    assert own.pipeline_ref.pipeline_name == "Churn-Weekly"
    assert own.metric_executions_failed().dimensions == {"PipelineName": "Churn-Weekly"}


def test_a_pipeline_as_grantee_is_the_role_of_its_jobs(tmp_path: Path) -> None:
    scope = stack()
    pipeline = created(scope, tmp_path)
    s3.Bucket.from_bucket_name(scope, "Raw", "raw-data").grant_read(pipeline, "sales/*")
    (policy,) = resources(scope, "AWS::IAM::Policy")
    assert policy["Roles"] == [shown(scope.resolve(pipeline.job_role.role_name))]


@pytest.mark.parametrize(
    ("partition", "region", "console"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_an_arn_of_any_partition_keeps_its_place(partition: str, region: str, console: str) -> None:
    arn = f"arn:{partition}:sagemaker:{region}:123456789012:pipeline/churn"
    scope = stack()
    pipeline = imported(scope, arn)
    assert pipeline.pipeline_arn == arn
    assert pipeline.pipeline_name == "churn"
    assert (pipeline.env.account, pipeline.env.region) == ("123456789012", region)
    metric = pipeline.metric_executions_failed()
    assert (metric.account, metric.region) == ("123456789012", region)
    page = f"https://{console}/sagemaker/home?region={region}#/pipelines/churn"
    assert pipeline.console_url == page


def test_an_arn_of_a_partition_that_the_cdk_does_not_know_is_accepted() -> None:
    arn = "arn:aws-eusc:sagemaker:eusc-de-east-1:123456789012:pipeline/churn"
    assert imported(stack(), arn).pipeline_arn == arn


def test_an_arn_with_tokens_in_it_is_read_by_its_parts() -> None:
    scope = stack()
    name = cdk.CfnParameter(scope, "Name").value_as_string
    own = f"arn:{cdk.Aws.PARTITION}:sagemaker:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:pipeline/{name}"
    pipeline = imported(scope, own)
    pipeline.grant_start_execution(role(scope))
    (statement,) = statements(scope)
    assert statement["Resource"] == (
        "arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:pipeline/<Name>"
    )
    metric = pipeline.metric_executions_failed()
    assert (metric.account, metric.region) == (None, None)
    assert scope.resolve(metric.dimensions) == {"PipelineName": {"Ref": "Name"}}


def test_an_arn_that_is_a_token_is_split_when_it_is_deployed() -> None:
    scope = stack()
    pipeline = imported(scope, cdk.Fn.import_value("ChurnArn"))
    pipeline.grant_stop_execution(role(scope))
    (statement,) = assertions.Template.from_stack(scope).find_resources("AWS::IAM::Policy").values()
    (resource,) = [
        part["Resource"] for part in statement["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert resource == {"Fn::Join": ["", [{"Fn::ImportValue": "ChurnArn"}, "/execution/*"]]}
    whole = {"Fn::Split": [":", {"Fn::ImportValue": "ChurnArn"}]}
    name = {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Select": [5, whole]}]}]}
    assert scope.resolve(pipeline.pipeline_name) == name
    assert scope.resolve(pipeline.env.account) == {"Fn::Select": [4, whole]}


def test_a_name_is_of_the_account_and_region_of_the_stack() -> None:
    scope = stack()
    pipeline = SageMakerPipeline.from_pipeline_name(scope, "Named", "Churn")
    pipeline.grant_start_execution(role(scope))
    place = "arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:pipeline"
    (statement,) = statements(scope)
    assert statement["Resource"] == [f"{place}/Churn", f"{place}/churn"]
    assert pipeline.metric_executions_failed().account is None


MALFORMED = {
    "no-arn": ("churn", "is not an ARN: it needs six parts"),
    "five-parts": ("arn:aws:sagemaker:eu-west-1:pipeline/churn", "is not an ARN"),
    "service": (ARN.replace("sagemaker", "states"), "the service is 'states', not sagemaker"),
    "partition": (ARN.replace("arn:aws:", "arn:AWS:"), "the partition is 'AWS'"),
    "no-region": (ARN.replace("eu-west-1", ""), "the region is ''"),
    "account": (
        ARN.replace("123456789012", "1234"),
        "the account is '1234', not an account number",
    ),
    "kind": (
        ARN.replace("pipeline/", "model/"),
        "'model/Churn-Weekly' does not begin with pipeline/",
    ),
    "execution": (f"{ARN}/execution/abc", "is the ARN of an execution"),
    "no-name": (ARN.removesuffix("Churn-Weekly"), "the name '' is not 1 to 256 letters"),
    "name": (f"{ARN}_", "the name 'Churn-Weekly_' is not"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_fails_for_a_malformed_arn(case: str) -> None:
    arn, reason = MALFORMED[case]
    with pytest.raises(SetupError, match=re.escape(reason)) as caught:
        imported(stack(), arn)
    (problem,) = caught.value.problems
    assert problem.path == "Own/Imported"
    assert problem.found == repr(arn)
    assert problem.allowed == "arn:PARTITION:sagemaker:REGION:ACCOUNT:pipeline/NAME"


def test_fails_with_all_that_is_malformed() -> None:
    with pytest.raises(SetupError) as caught:
        imported(stack(), "arn:aws:states:nowhere:12:pipeline/-")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("name", ["", "has_underscore", "ends-", "a" * 257, ARN])
def test_fails_for_a_malformed_name(name: str) -> None:
    with pytest.raises(SetupError, match="is not the name of a pipeline") as caught:
        SageMakerPipeline.from_pipeline_name(stack(), "Named", name)
    hint = "pass an ARN to from_pipeline_arn" if name == ARN else None
    assert caught.value.problems[0].hint == hint


METRICS = {
    "metric_executions_started": ("ExecutionStarted", "Sum"),
    "metric_executions_failed": ("ExecutionFailed", "Sum"),
    "metric_executions_succeeded": ("ExecutionSucceeded", "Sum"),
    "metric_executions_stopped": ("ExecutionStopped", "Sum"),
    "metric_execution_duration": ("ExecutionDuration", "Average"),
}
STEP_METRICS = {
    "metric_step_failed": ("StepFailed", "Sum"),
    "metric_step_duration": ("StepDuration", "Average"),
}


@pytest.mark.parametrize("method", [*METRICS, *STEP_METRICS])
def test_metrics_have_the_names_of_the_service(method: str) -> None:
    of_step = method in STEP_METRICS
    name, statistic = (STEP_METRICS if of_step else METRICS)[method]
    arguments = ("train",) if of_step else ()
    metric = getattr(imported(stack()), method)(*arguments)
    assert metric.namespace == "AWS/Sagemaker/ModelBuildingPipeline"
    assert (metric.metric_name, metric.statistic) == (name, statistic)
    step = {"StepName": "train"} if of_step else {}
    assert metric.dimensions == {"PipelineName": "Churn-Weekly", **step}


def test_options_of_a_metric_win() -> None:
    scope = stack()
    metric = imported(scope).metric(
        "ExecutionDuration", statistic="p90", period=cdk.Duration.hours(1), region="us-east-1"
    )
    assert (metric.statistic, metric.region) == ("p90", "us-east-1")
    assert metric.period.to_seconds() == 3600
    step = imported(stack()).metric_step("StepStarted", "train", label="starts")
    assert (step.metric_name, step.label) == ("StepStarted", "starts")


def test_fails_for_an_option_that_does_not_exist() -> None:
    pipeline = imported(stack())
    with pytest.raises(TypeError, match="perod"):
        pipeline.metric("ExecutionFailed", perod=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="targets"):
        pipeline.on_event("Any", targets=[])  # type: ignore[call-arg]


def test_an_alarm_on_a_pipeline_of_another_account_names_the_account() -> None:
    scope = stack(account="210987654321", region="eu-west-1")
    metric = imported(scope).metric_executions_failed()
    cloudwatch.Alarm(scope, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
    (alarm,) = resources(scope, "AWS::CloudWatch::Alarm")
    (query,) = alarm["Metrics"]
    assert query["AccountId"] == "123456789012"


def test_an_alarm_beside_its_pipeline_is_a_plain_one(tmp_path: Path) -> None:
    places: tuple[dict[str, Any], ...] = ({}, {"account": "123456789012", "region": "eu-west-1"})
    for place in places:
        scope = stack(**place)
        metric = created(scope, tmp_path).metric_executions_failed()
        cloudwatch.Alarm(scope, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
        (alarm,) = resources(scope, "AWS::CloudWatch::Alarm")
        assert alarm["MetricName"] == "ExecutionFailed"
        assert alarm["Dimensions"] == [{"Name": "PipelineName", "Value": "Churn-Weekly"}]


EXECUTION = "SageMaker Model Building Pipeline Execution Status Change"
STEP = "SageMaker Model Building Pipeline Execution Step Status Change"
RULES: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "on_event": ([EXECUTION, STEP], {}),
    "on_execution_state_change": ([EXECUTION], {}),
    "on_execution_failed": ([EXECUTION], {"currentPipelineExecutionStatus": ["Failed"]}),
    "on_execution_succeeded": ([EXECUTION], {"currentPipelineExecutionStatus": ["Succeeded"]}),
    "on_execution_stopped": ([EXECUTION], {"currentPipelineExecutionStatus": ["Stopped"]}),
    "on_step_state_change": ([STEP], {}),
    "on_step_failed": ([STEP], {"currentStepStatus": ["Failed"]}),
}


def test_every_event_of_the_class_is_tested() -> None:
    assert {name for name in dir(ISageMakerPipeline) if name.startswith("on_")} == set(RULES)


@pytest.mark.parametrize("method", RULES)
def test_a_rule_is_on_events_of_its_pipeline_alone(method: str) -> None:
    scope = stack(account="123456789012", region="eu-west-1")
    topic = sns.Topic(scope, "Topic")
    rule = getattr(imported(scope), method)("Rule", target=targets.SnsTopic(topic))
    assert isinstance(rule, events.Rule)
    (found,) = resources(scope, "AWS::Events::Rule")
    detail_types, detail = RULES[method]
    assert found["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": detail_types,
        "detail": {"pipelineArn": [{"equals-ignore-case": LOWER}], **detail},
    }
    assert [target["Arn"] for target in found["Targets"]] == [shown(scope.resolve(topic.topic_arn))]
    assert (
        assertions.Annotations.from_stack(scope).find_warning("*", assertions.Match.any_value())
        == []
    )


def test_a_rule_takes_further_conditions_a_name_and_another_scope() -> None:
    app = cdk.App()
    scope, other = stack(app), stack(app, "Other")
    rule = imported(scope).on_step_failed(
        "Rule",
        event_pattern=events.EventPattern(detail={"stepType": ["Training"]}),
        description="Training failed",
        rule_name="training-failed",
        cross_stack_scope=other,
    )
    assert rule.node.scope is other
    (found,) = resources(other, "AWS::Events::Rule")
    assert (found["Name"], found["Description"]) == ("training-failed", "Training failed")
    assert found["EventPattern"]["detail"].keys() == {
        "pipelineArn",
        "currentStepStatus",
        "stepType",
    }
    assert "Targets" not in found


def test_the_event_of_the_documentation_matches_its_pattern() -> None:
    """The example of the SageMaker developer guide, with the fields that a pattern may name."""
    event = {
        "pipelineArn": ARN,
        "currentPipelineExecutionStatus": "Failed",
        "previousPipelineExecutionStatus": "Executing",
    }
    scope = stack(account="123456789012", region="eu-west-1")
    imported(scope).on_execution_failed("Rule")
    (found,) = resources(scope, "AWS::Events::Rule")
    for name, (condition,) in found["EventPattern"]["detail"].items():
        wanted = condition if isinstance(condition, str) else condition["equals-ignore-case"]
        assert event[name].lower() == wanted.lower()


def test_a_target_in_another_account_gets_the_event_over_its_bus(tmp_path: Path) -> None:
    app = cdk.App()
    here = stack(app, "Here", account="123456789012", region="eu-west-1")
    there = stack(app, "There", account="210987654321", region="eu-west-1")
    function = lambda_.Function(
        there,
        "Function",
        function_name="told-of-failures",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )
    created(here, tmp_path).on_execution_failed("Rule", target=targets.LambdaFunction(function))
    (rule,) = resources(here, "AWS::Events::Rule")
    bus = "arn:<AWS::Partition>:events:eu-west-1:210987654321:event-bus/default"
    assert [target["Arn"] for target in rule["Targets"]] == [bus]
    (mirrored,) = resources(there, "AWS::Events::Rule")
    assert mirrored["EventPattern"] == rule["EventPattern"]


@pytest.mark.parametrize(
    ("place", "env"),
    [
        ("account", {"account": "210987654321", "region": "eu-west-1"}),
        ("region", {"account": "123456789012", "region": "us-east-1"}),
    ],
)
def test_warns_about_a_rule_on_a_bus_that_gets_no_such_events(
    place: str, env: dict[str, Any]
) -> None:
    scope = stack(**env)
    imported(scope).on_execution_failed("Rule")
    text = f"in {place} {env[place]}.*or forward the events"
    assertions.Annotations.from_stack(scope).has_warning(
        "/Own/Imported/Rule", assertions.Match.string_like_regexp(text)
    )


def test_the_schedules_of_the_cdk_start_it() -> None:
    scope = stack(account="123456789012", region="eu-west-1")
    scheduler.Schedule(
        scope,
        "Nightly",
        schedule=scheduler.ScheduleExpression.rate(cdk.Duration.days(1)),
        target=scheduler_targets.SageMakerStartPipelineExecution(imported(scope)),
    )
    (schedule,) = resources(scope, "AWS::Scheduler::Schedule")
    assert schedule["Target"]["Arn"] == LOWER
    (statement,) = statements(scope)
    assert statement["Action"] == "sagemaker:StartPipelineExecution"


def test_two_pipelines_of_a_stack_do_not_meet(tmp_path: Path) -> None:
    scope = stack()
    one, other = created(scope, tmp_path, "one"), created(scope, tmp_path, "other")
    for pipeline in (one, other):
        pipeline.on_execution_failed("Failed")
    one.grant_start_execution(role(scope))
    (statement,) = statements(scope)
    assert statement["Resource"].endswith("/one")
    assert len(resources(scope, "AWS::Events::Rule")) == 2


def test_the_pipeline_is_its_own_default_child_and_takes_a_removal_policy(tmp_path: Path) -> None:
    scope = stack()
    pipeline = created(scope, tmp_path)
    assert pipeline.node.default_child is pipeline.resource
    pipeline.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    assertions.Template.from_stack(scope).has_resource(
        "AWS::SageMaker::Pipeline", {"DeletionPolicy": "Retain"}
    )


def test_a_pipeline_of_a_nested_stack_in_a_stage_serves_the_stack_around_it(tmp_path: Path) -> None:
    env = cdk.Environment(account="123456789012", region="eu-west-1")
    stage = cdk.Stage(cdk.App(), "Production", env=env)
    scope = cdk.Stack(stage, "Own")
    pipeline = created(cdk.NestedStack(scope, "Inner"), tmp_path)
    pipeline.grant_start_execution(role(scope))
    metric = pipeline.metric_executions_failed()
    cloudwatch.Alarm(scope, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
    (alarm,) = resources(scope, "AWS::CloudWatch::Alarm")
    assert alarm["MetricName"] == "ExecutionFailed"
    (statement,) = statements(scope)
    assert all(":pipeline/" in arn for arn in statement["Resource"])


def test_fails_for_an_alarm_in_a_region_that_cannot_see_the_metric(tmp_path: Path) -> None:
    app = cdk.App()
    pipeline = created(stack(app, "Here", "123456789012", "eu-west-1"), tmp_path)
    there = stack(app, "There", "123456789012", "us-east-1")
    with pytest.raises(RuntimeError, match="based on metric 'ExecutionFailed' in 'eu-west-1'"):
        cloudwatch.Alarm(
            there,
            "Alarm",
            metric=pipeline.metric_executions_failed(),
            threshold=1,
            evaluation_periods=1,
        )
