"""Every example of docs/constructs.md runs in an app of its own and creates what the page promises."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from constructs import Construct

import constructs_lib
from tests.stacks.synthesis import ROOT, shown

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))

PAGE = (ROOT / "docs" / "constructs.md").read_text("utf-8")
MODEL = Path("model_configs") / "churn_lightgbm"
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\w+)\.py\n")
HEADING = re.compile(r"^##+ (.+)$", re.MULTILINE)


def examples() -> dict[str, str]:
    """Return the code of each heading, without what the page writes into files."""
    found: dict[str, str] = {}
    parts = HEADING.split(PAGE)[1:]
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = [code for code in CODE.findall(text) if not FILE.match(code)]
        if blocks:
            found[heading] = "\n".join(blocks)
    return found


def files(name: str) -> list[str]:
    return [code for code in CODE.findall(PAGE) if code.startswith(f"# {name}.py\n")]


EXAMPLES = examples()
PROMISES: dict[str, dict[str, int]] = {
    "A pipeline written with the SageMaker SDK": {"AWS::SageMaker::Pipeline": 1},
    "Your own VPC, bucket, key and role": {"AWS::SageMaker::Pipeline": 1, "AWS::IAM::Role": 4},
    "Allow others to start, stop and read executions": {"AWS::IAM::Policy": 1},
    "Let jobs read your data, and others read results": {"AWS::IAM::Policy": 3},
    "Metrics and alarms": {"AWS::CloudWatch::Alarm": 1, "AWS::CloudWatch::Dashboard": 1},
    "Rules on events": {"AWS::Events::Rule": 2, "AWS::SNS::TopicPolicy": 1},
    "Start it by a schedule": {"AWS::Scheduler::Schedule": 1},
    "Import a pipeline": {"AWS::IAM::Policy": 1},
    "Model package groups": {"AWS::SageMaker::ModelPackageGroup": 2, "AWS::Events::Rule": 1},
    "Step Functions": {"AWS::StepFunctions::StateMachine": 1},
    "Amazon MWAA Serverless": {"AWS::MWAAServerless::Workflow": 1},
    "Amazon MWAA": {"AWS::MWAA::Environment": 1, "Custom::CDKBucketDeployment": 4},
    "Airflow on an instance": {"AWS::EC2::Instance": 1, "AWS::RDS::DBInstance": 1},
    "A policy whose wildcards have reasons": {"AWS::IAM::ManagedPolicy": 2},
    "Images that differ between regions": {},
    "A function that finds approved models": {"AWS::Lambda::Function": 2},
    "A role that starts pipelines from another account": {"AWS::IAM::Role": 1},
    "Roles that compare a change with what is deployed": {"AWS::IAM::OIDCProvider": 1},
    "Notices of a delivery": {"AWS::SNS::Topic": 2, "AWS::Events::Rule": 4},
    "Checks of pull requests": {"AWS::CodeBuild::Project": 3},
    "Builds in a VPC": {"AWS::CodeBuild::Project": 1},
    "Change what a construct creates": {"AWS::SageMaker::Pipeline": 1},
}
"""At least these resources, beside those of the page's beginning, are in the templates of an example."""


class Example:
    """An example that ran: its app, and the names that it defines."""

    def __init__(self, heading: str) -> None:
        start, pipeline = files("app")
        code = EXAMPLES[heading]
        uses_pipeline = re.search(r"\bpipeline\.|\(pipeline\b|\bpipeline,", code) is not None
        whole = "\n".join([start, *([pipeline] if uses_pipeline else []), code])
        self.names: dict[str, Any] = {}
        exec(compile(whole, f"docs/constructs.md, {heading}", "exec"), self.names)
        self.app: cdk.App = self.names["app"]
        self.templates = [
            assertions.Template.from_stack(child).to_json()
            for child in self.app.node.children
            if isinstance(child, cdk.Stack)
        ]

    def resources(self, kind: str) -> list[dict[str, Any]]:
        return [
            shown(resource.get("Properties", {}))
            for template in self.templates
            for resource in template["Resources"].values()
            if resource["Type"] == kind
        ]

    def statements(self, policy: str = "AWS::IAM::Policy") -> list[dict[str, Any]]:
        return [
            statement
            for properties in self.resources(policy)
            for statement in properties["PolicyDocument"]["Statement"]
        ]

    def constructs(self) -> set[str]:
        found = {type(node) for node in self.app.node.find_all()}
        return {kind.__name__ for kind in found if kind.__module__.startswith("constructs_lib.")}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Example]]:
    """Every example, run in a directory with what the page asks for."""
    directory = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / MODEL, directory / MODEL)
    (directory / "report_job.py").write_text("print('report')\n", "utf-8")
    modules = {name for name in FILE.findall(PAGE) if name != "app"}
    for name in modules:
        (directory / f"{name}.py").write_text("\n".join(files(name)), "utf-8")
    before = Path.cwd()
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    try:
        yield {heading: Example(heading) for heading in EXAMPLES}
    finally:
        sys.path.remove(str(directory))
        os.chdir(before)
        for name in modules:
            sys.modules.pop(name, None)


def test_every_example_has_a_promise() -> None:
    assert set(PROMISES) == set(EXAMPLES)


@pytest.mark.parametrize("heading", PROMISES)
def test_an_example_creates_what_it_promises(heading: str, ran: dict[str, Example]) -> None:
    example = ran[heading]
    example.app.synth()
    for kind, count in PROMISES[heading].items():
        assert len(example.resources(kind)) >= count, kind


def public_constructs() -> set[str]:
    """Return the names of all construct classes of the package."""
    found = set()
    for module in pkgutil.iter_modules(constructs_lib.__path__):
        members = vars(importlib.import_module(f"constructs_lib.{module.name}")).values()
        found |= {
            member.__name__
            for member in members
            if isinstance(member, type)
            and issubclass(member, Construct)
            and member.__module__ == f"constructs_lib.{module.name}"
        }
    return found - {"ISageMakerPipeline"}


def test_every_construct_has_an_example_or_is_a_part_of_one(ran: dict[str, Example]) -> None:
    table = PAGE.partition("## Parts of other constructs")[2]
    rows = re.findall(r"^\| (`.+`) \| `", table, re.MULTILINE)
    parts = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    written = {name for name in public_constructs() if re.search(rf"\b{name}\(", PAGE)}
    assert public_constructs() == written | parts
    assert not written & parts
    created = set().union(*(example.constructs() for example in ran.values()))
    assert written <= created


def test_a_caller_may_start_and_read_its_pipeline_alone(ran: dict[str, Example]) -> None:
    example = ran["Allow others to start, stop and read executions"]
    arn = "arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:pipeline/churn-lightgbm"
    resources = {statement["Resource"] for statement in example.statements()}
    assert resources == {arn, f"{arn}/execution/*"}
    text = json.dumps(example.statements())
    assert "sagemaker:StartPipelineExecution" in text
    assert "PassRole" not in text


def test_readers_of_the_bucket_may_decrypt(ran: dict[str, Example]) -> None:
    example = ran["Let jobs read your data, and others read results"]
    (analyst,) = (
        item for item in example.resources("AWS::IAM::Policy") if "Analyst" in item["PolicyName"]
    )
    actions = json.dumps(analyst["PolicyDocument"])
    assert "kms:Decrypt" in actions
    assert "churn/*" in actions
    assert "s3:PutObject" not in actions
    (jobs,) = (
        item for item in example.resources("AWS::IAM::Policy") if "JobRole" in item["PolicyName"]
    )
    assert "weekly/*" in json.dumps(jobs["PolicyDocument"])


def test_imports_of_two_places_are_granted(ran: dict[str, Example]) -> None:
    found = {statement["Resource"] for statement in ran["Import a pipeline"].statements()}
    assert found == {
        "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/churn-lightgbm",
        "arn:<AWS::Partition>:sagemaker:eu-west-1:210987654321:pipeline/demand-forecast",
    }


def test_a_brought_role_stays_as_it_is(ran: dict[str, Example]) -> None:
    example = ran["Your own VPC, bucket, key and role"]
    (pipeline,) = example.resources("AWS::SageMaker::Pipeline")
    text = json.dumps(pipeline)
    assert "arn:aws:iam::123456789012:role/sagemaker/jobs" in text
    assert all(subnet in text for subnet in ("subnet-11111111", "subnet-22222222", "sg-12345678"))
    assert "company-pipelines" in text
    attached = json.dumps(example.resources("AWS::IAM::ManagedPolicy"))
    assert '"jobs"' not in attached


def test_reviewers_approve_versions_and_deployers_read_them(ran: dict[str, Example]) -> None:
    example = ran["Model package groups"]
    (rule,) = example.resources("AWS::Events::Rule")
    assert rule["EventPattern"]["detail"] == {
        "ModelPackageGroupName": ["churn-lightgbm"],
        "ModelApprovalStatus": ["Approved"],
    }
    by_role = {
        item["PolicyName"].partition("Default")[0]: json.dumps(item["PolicyDocument"])
        for item in example.resources("AWS::IAM::Policy")
    }
    assert "sagemaker:UpdateModelPackage" in by_role["Reviewer"]
    assert "sagemaker:UpdateModelPackage" not in by_role["Deployer"]
    assert "sagemaker:ListModelPackages" in by_role["Deployer"]


def test_a_machine_is_started_as_the_cdk_starts_one(ran: dict[str, Example]) -> None:
    (statement,) = ran["Step Functions"].statements()
    assert statement["Action"] == "states:StartExecution"
    assert statement["Resource"].endswith(":stateMachine:churn-lightgbm")


def test_a_workflow_is_started_by_whom_it_granted(ran: dict[str, Example]) -> None:
    (statement,) = ran["Amazon MWAA Serverless"].statements()
    assert statement["Action"] == "airflow-serverless:StartWorkflowRun"
    assert statement["Resource"].endswith(".WorkflowArn>")


def test_a_viewer_logs_in_as_viewer(ran: dict[str, Example]) -> None:
    (statement,) = ran["Amazon MWAA"].statements()
    assert statement["Action"] == "airflow:CreateWebLoginToken"
    assert statement["Resource"].endswith(":role/machine-learning/Viewer")


def test_images_are_looked_up_when_they_are_deployed(ran: dict[str, Example]) -> None:
    (template,) = ran["Images that differ between regions"].templates
    (mapping,) = template["Mappings"].values()
    assert mapping.keys() == {"eu-west-1", "us-east-1"}
    assert "Fn::FindInMap" in json.dumps(template["Outputs"]["Image"])


def test_escape_hatches_reach_the_resource(ran: dict[str, Example]) -> None:
    example = ran["Change what a construct creates"]
    (template,) = example.templates
    kinds = {resource["Type"]: resource for resource in template["Resources"].values()}
    assert kinds["AWS::SageMaker::ModelPackageGroup"]["DeletionPolicy"] == "Delete"
    assert {"Key": "cost-center", "Value": "1234"} in kinds["AWS::SageMaker::Pipeline"][
        "Properties"
    ]["Tags"]
    locked = [item for item in example.resources("AWS::S3::Bucket") if "ObjectLockEnabled" in item]
    assert len(locked) == 1
