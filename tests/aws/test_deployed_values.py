"""Values of a deployment are turned back into names, whatever they are: the definition is as compiled."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smp.aws.deployed_values import Values, find_values, restore_placeholders
from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import substitute
from smp.graph import build_graphs

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("churn-batch", "churn-lightgbm", "housing", "summarization-llm", "video-recommender")
EXAMPLES_WITHOUT_NAMED_IMAGES = ("churn-batch", "churn-lightgbm", "summarization-llm")
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:9.9"

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1")
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{1,12}[a-z0-9])", fullmatch=True)


def ids(kind: str, most: int) -> st.SearchStrategy[tuple[str, ...]]:
    hexadecimal = st.text("0123456789abcdef", min_size=8, max_size=17)
    lists = st.lists(hexadecimal.map(lambda text: f"{kind}-{text}"), min_size=1, max_size=most)
    return lists.map(tuple)


@st.composite
def deployments(draw: st.DrawFn) -> Values:
    """Anything that an account, a region and its resources may be called."""
    account = draw(st.text("0123456789", min_size=12, max_size=12))
    region = draw(st.sampled_from(REGIONS))
    role = draw(st.from_regex(r"[A-Za-z0-9+=,.@_-]{1,40}", fullmatch=True))
    path = draw(st.sampled_from(["", "service-role/", "team/ml/"]))
    return Values(
        account_id=account,
        region=region,
        bucket=draw(st.lists(LABEL, min_size=1, max_size=3).map(".".join)),
        role_arn=f"arn:aws:iam::{account}:role/{path}{role}",
        kms_key_arn=f"arn:aws:kms:{region}:{account}:key/{draw(st.uuids())}",
        subnets=draw(ids("subnet", 4)),
        security_group_ids=draw(ids("sg", 3)),
        functions={"approved-model": f"arn:aws:lambda:{region}:{account}:function:{draw(LABEL)}"},
    )


@cache
def compiled() -> dict[str, CompiledPipeline]:
    graphs = build_graphs(load_project(ROOT))
    return {pipeline.name: pipeline for pipeline in compile_all(graphs, ROOT / ".smp").result()}


def deployed(pipeline: CompiledPipeline, values: Values) -> Any:
    """What DescribePipeline answers for a pipeline: its definition with the values in it."""

    def resolve(name: str) -> str | list[str]:
        if name.startswith("image."):
            by_region = pipeline.images[name.removeprefix("image.")]
            return by_region.get(values.region, IMAGE)
        return values.of(name)

    return json.loads(json.dumps(substitute(pipeline.definition, resolve)))


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=40, deadline=None)
@given(values=deployments())
def test_a_deployed_example_comes_back_as_it_was_compiled(name: str, values: Values) -> None:
    pipeline = compiled()[name]
    if pipeline.images:
        assume(all(values.region in by_region for by_region in pipeline.images.values()))
    definition = deployed(pipeline, values)
    found = find_values(definition, values.account_id, values.region, [pipeline])

    assert restore_placeholders(name, definition, found, [pipeline]) == pipeline.definition


@pytest.mark.parametrize("name", EXAMPLES_WITHOUT_NAMED_IMAGES)
@settings(max_examples=40, deadline=None)
@given(values=deployments())
def test_nothing_has_to_be_known_where_the_config_spells_out_no_value(
    name: str, values: Values
) -> None:
    pipeline = compiled()[name]
    texts = json.dumps(pipeline.definition)
    named = (values.region, values.account_id, values.bucket)
    assume(not any(str(value) in texts for value in named))
    definition = deployed(pipeline, values)
    found = find_values(definition, values.account_id, values.region)

    assert restore_placeholders(name, definition, found) == pipeline.definition


VALUES = Values(
    account_id="123456789012",
    region="eu-west-1",
    bucket="smp-data-1a2b",
    role_arn="arn:aws:iam::123456789012:role/Smp-JobRole-1a2b",
    kms_key_arn="arn:aws:kms:eu-west-1:123456789012:key/0b0c",
    subnets=("subnet-1", "subnet-2"),
    security_group_ids=("sg-1",),
)
CODE = f"s3://smp-data-1a2b/code/{'a' * 64}"


def step(name: str, **arguments: Any) -> dict[str, Any]:
    given = {
        "RoleArn": VALUES.role_arn,
        "Code": CODE,
        "VolumeKmsKeyId": VALUES.kms_key_arn,
        "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": {**given, **arguments}}


def turned(*steps: dict[str, Any], known: tuple[CompiledPipeline, ...] = ()) -> Any:
    definition = {"Steps": list(steps)}
    values = find_values(definition, VALUES.account_id, VALUES.region, known)
    back = restore_placeholders("p", definition, values, known)
    return [step["Arguments"] for step in back["Steps"]]


def known(arguments: dict[str, Any]) -> CompiledPipeline:
    definition = {"Steps": [{"Name": "a", "Type": "Processing", "Arguments": arguments}]}
    return CompiledPipeline("p", definition, (), Path())


def test_a_role_key_or_network_changed_by_hand_stays_as_it_is() -> None:
    other = {"Subnets": ["subnet-9"], "SecurityGroupIds": ["sg-1", "sg-9"]}
    role = "arn:aws:iam::123456789012:role/admin"

    _, _, changed = turned(
        step("a"), step("b"), step("c", RoleArn=role, VolumeKmsKeyId="0b0d", VpcConfig=other)
    )

    assert changed["RoleArn"] == role
    assert changed["VolumeKmsKeyId"] == "0b0d"
    assert changed["VpcConfig"] == other


@pytest.mark.parametrize(
    ("deployed", "expected"),
    [
        ("s3://smp-data-1a2b", "s3://${smp:bucket}"),
        ("s3://smp-data-1a2b/x", "s3://${smp:bucket}/x"),
        ('"s3://smp-data-1a2b/x"', '"s3://${smp:bucket}/x"'),
        ("s3://smp-data-1a2b-logs/x", "s3://smp-data-1a2b-logs/x"),
        ("s3://smp-data-1a2b.logs/x", "s3://smp-data-1a2b.logs/x"),
        ("s3://other/smp-data-1a2b-x", "s3://other/smp-data-1a2b-x"),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1",
            "${smp:account_id}.dkr.ecr.${smp:region}.amazonaws.com/x:1",
        ),
        (
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/x:1",
            "763104351884.dkr.ecr.${smp:region}.amazonaws.com/x:1",
        ),
        ("eu-west-1a", "eu-west-1a"),
        ("1234567890123", "1234567890123"),
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
        ),
    ],
)
def test_a_value_is_turned_back_where_it_stands_alone(deployed: str, expected: str) -> None:
    (arguments,) = turned(step("a", Text=deployed))

    assert arguments["Text"] == expected


def test_what_a_config_spells_out_stays_where_that_is_known() -> None:
    arguments = {
        "Region": "eu-west-1",
        "RoleArn": VALUES.role_arn,
        "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["${smp:subnets}"]},
    }

    (back,) = turned(step("a", Region="eu-west-1"), known=(known(arguments),))

    assert back["Region"] == "eu-west-1"
    assert back["RoleArn"] == VALUES.role_arn
    assert back["VpcConfig"]["Subnets"] == ["subnet-1", "subnet-2"]
    assert back["VpcConfig"]["SecurityGroupIds"] == ["${smp:security_group_ids}"]


def test_a_text_with_two_readings_is_read_as_at_its_own_place() -> None:
    arguments = {"A": "${smp:region}", "B": "eu-west-1", "RoleArn": "${smp:role_arn}"}

    (back,) = turned(step("a", A="eu-west-1", B="eu-west-1"), known=(known(arguments),))

    assert (back["A"], back["B"]) == ("${smp:region}", "eu-west-1")


def test_a_pipeline_without_code_is_turned_back_by_its_results() -> None:
    (back,) = turned(step("a", Code="s3://smp-data-1a2b/executions"))

    assert back["Code"] == "s3://${smp:bucket}/executions"


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
    ],
)
def test_the_partition_of_a_region(region: str, partition: str, suffix: str) -> None:
    values = Values("111122223333", region)
    assert (values.of("partition"), values.of("url_suffix")) == (partition, suffix)
