"""What is a widening of permissions between two templates, and what is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.review.iam.environment_stacks import permissions_in, widenings
from smp.review.iam.template_text import known_values

Json = dict[str, Any]

KNOWN = known_values("111122223333", "eu-west-1")
PARTITION_BUCKET = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::data/*"]]}


def allow(action: Any = "s3:GetObject", resource: Any = "arn:aws:s3:::data/*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "s3:*", resource: Any = "*", **more: Any) -> Json:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def document(*statements: Any) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy(*statements: Any, roles: Sequence[Any] = ({"Ref": "Jobs"},)) -> Json:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": document(*statements), "Roles": list(roles)},
    }


def role(**properties: Any) -> Json:
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def bucket_policy(*statements: Any) -> Json:
    properties = {"Bucket": {"Ref": "Data"}, "PolicyDocument": document(*statements)}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": properties}


def template(**resources: Json) -> Json:
    return {"Resources": resources}


def widened(before: Json, after: Json) -> list[str]:
    found = widenings(*(permissions_in("Stack", value, KNOWN) for value in (before, after)))
    return [str(allowance) for allowance in found]


def of_statements(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    return widened(template(P=policy(*before)), template(P=policy(*after)))


WIDENINGS: dict[str, tuple[Json, Json, list[str]]] = {
    "an action more": (
        template(P=policy(allow())),
        template(P=policy(allow(["s3:GetObject", "s3:PutObject"]))),
        ["Stack: role Jobs may now s3:PutObject on arn:aws:s3:::data/*"],
    ),
    "a resource more": (
        template(P=policy(allow())),
        template(P=policy(allow(resource=["arn:aws:s3:::data/*", "arn:aws:s3:::other/*"]))),
        ["Stack: role Jobs may now s3:GetObject on arn:aws:s3:::other/*"],
    ),
    "a shorter prefix": (
        template(P=policy(allow(resource="arn:aws:s3:::data/churn/*"))),
        template(P=policy(allow(resource="arn:aws:s3:::data/*"))),
        ["Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/*"],
    ),
    "a condition less": (
        template(P=policy(allow(Condition={"Bool": {"aws:SecureTransport": "true"}}))),
        template(P=policy(allow())),
        ["Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/*"],
    ),
    "a value more in a condition": (
        template(P=policy(allow(Condition={"StringEquals": {"s3:prefix": "a"}}))),
        template(P=policy(allow(Condition={"StringEquals": {"s3:prefix": ["a", "b"]}}))),
        [
            "Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/* "
            "if StringEquals s3:prefix = a or b"
        ],
    ),
    "a value less in a negative condition": (
        template(P=policy(allow(Condition={"StringNotEquals": {"s3:prefix": ["a", "b"]}}))),
        template(P=policy(allow(Condition={"StringNotEquals": {"s3:prefix": ["a"]}}))),
        [
            "Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/* if StringNotEquals s3:prefix = a"
        ],
    ),
    "everything but": (
        template(P=policy(allow())),
        template(P=policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
        ["Stack: role Jobs may now everything but iam:* on *"],
    ),
    "everything but fewer": (
        template(P=policy({"Effect": "Allow", "NotAction": ["iam:*", "kms:*"], "Resource": "*"})),
        template(P=policy({"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"})),
        ["Stack: role Jobs may now everything but iam:* on *"],
    ),
    "every resource but": (
        template(P=policy(allow())),
        template(
            P=policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::x"})
        ),
        ["Stack: role Jobs may now s3:GetObject on everything but arn:aws:s3:::x"],
    ),
    "a denial less": (
        template(P=policy(allow("*", "*"), deny("iam:*"))),
        template(P=policy(allow("*", "*"))),
        ["Stack: role Jobs is no longer denied iam:* on *"],
    ),
    "a smaller denial": (
        template(P=policy(deny("s3:*"))),
        template(P=policy(deny("s3:Put*"))),
        ["Stack: role Jobs is no longer denied s3:* on *"],
    ),
    "an inline policy": (
        template(Jobs=role()),
        template(Jobs=role(Policies=[{"PolicyName": "x", "PolicyDocument": document(allow())}])),
        ["Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/*"],
    ),
    "a managed policy of AWS": (
        template(Jobs=role()),
        template(Jobs=role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])),
        [
            "Stack: role Jobs may now all that a managed policy allows on "
            "arn:aws:iam::aws:policy/AdministratorAccess"
        ],
    ),
    "a policy of the template attached": (
        template(Jobs=role(), P=policy(allow(), roles=["other"])),
        template(Jobs=role(ManagedPolicyArns=[{"Ref": "P"}]), P=policy(allow(), roles=["other"])),
        ["Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/*"],
    ),
    "a role more that has a policy": (
        template(P=policy(allow())),
        template(P=policy(allow(), roles=[{"Ref": "Jobs"}, "outsider"])),
        ["Stack: role outsider may now s3:GetObject on arn:aws:s3:::data/*"],
    ),
    "somebody more who may take a role": (
        template(Jobs=role(AssumeRolePolicyDocument=document())),
        template(
            Jobs=role(
                AssumeRolePolicyDocument=document(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
                        "Action": "sts:AssumeRole",
                    }
                )
            )
        ),
        ["Stack: role Jobs: AWS arn:aws:iam::999999999999:root may now sts:AssumeRole"],
    ),
    "a boundary less": (
        template(Jobs=role(PermissionsBoundary="arn:aws:iam::1:policy/b")),
        template(Jobs=role()),
        [
            "Stack: role Jobs is no longer denied everything beyond the permissions boundary "
            "arn:aws:iam::1:policy/b"
        ],
    ),
    "anyone in a bucket policy": (
        template(B=bucket_policy(allow(Principal={"AWS": "arn:aws:iam::111122223333:root"}))),
        template(B=bucket_policy(allow(Principal="*"))),
        ["Stack: bucket Data: * may now s3:GetObject on arn:aws:s3:::data/*"],
    ),
    "a bucket policy that demands encryption less": (
        template(B=bucket_policy(deny(Principal="*"))),
        template(),
        ["Stack: bucket Data: * is no longer denied s3:* on *"],
    ),
    "a key policy": (
        template(K={"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document()}}),
        template(
            K={
                "Type": "AWS::KMS::Key",
                "Properties": {
                    "KeyPolicy": document(
                        allow("kms:*", "*", Principal={"Service": "logs.amazonaws.com"})
                    )
                },
            }
        ),
        ["Stack: key K: Service logs.amazonaws.com may now kms:* on *"],
    ),
    "a policy in a text": (
        template(),
        template(
            L={
                "Type": "AWS::Logs::ResourcePolicy",
                "Properties": {
                    "PolicyDocument": json.dumps(document(allow("logs:*", "*", Principal="*")))
                },
            }
        ),
        ["Stack: resource L: * may now logs:* on *"],
    ),
    "a caller of a function": (
        template(),
        template(
            F={
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": {"Ref": "Copy"},
                    "Action": "lambda:InvokeFunction",
                    "Principal": "events.amazonaws.com",
                    "SourceArn": "arn:aws:events:x",
                },
            }
        ),
        [
            "Stack: function Copy: events.amazonaws.com may now lambda:InvokeFunction "
            "if Equals aws:SourceArn = arn:aws:events:x"
        ],
    ),
    "an endpoint without a policy": (
        template(E={"Type": "AWS::EC2::VPCEndpoint", "Properties": {"PolicyDocument": document()}}),
        template(E={"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}),
        ["Stack: vpcendpoint E: * may now * on *"],
    ),
    "another nested stack": (
        template(N={"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "a"}}),
        template(N={"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "b"}}),
        ["Stack: nested stack N may now whatever its template allows on b"],
    ),
    "a statement that only the service evaluates": (
        template(P=policy({"Fn::If": ["Small", allow(), {"Ref": "AWS::NoValue"}]})),
        template(P=policy({"Fn::If": ["Large", allow(), {"Ref": "AWS::NoValue"}]})),
        [
            "Stack: role Jobs may now what is known only when deployed on "
            '{"Fn::If": ["Large", {"Action": "s3:GetObject", "Effect": "Allow", '
            '"Resource": "arn:aws:s3:::data/*"}, {"Ref": "AWS::NoValue"}]}'
        ],
    ),
    "another default of a parameter": (
        {**template(P=policy(allow(resource={"Ref": "W"}))), "Parameters": {"W": {"Default": "a"}}},
        {**template(P=policy(allow(resource={"Ref": "W"}))), "Parameters": {"W": {"Default": "*"}}},
        ["Stack: role Jobs may now s3:GetObject on <W=*>"],
    ),
    "another value in a mapping": (
        {
            **template(P=policy(allow(resource={"Fn::FindInMap": ["M", {"Ref": "X"}, "k"]}))),
            "Mappings": {"M": {"r": {"k": "one"}}},
        },
        {
            **template(P=policy(allow(resource={"Fn::FindInMap": ["M", "r", "k"]}))),
            "Mappings": {"M": {"r": {"k": "two"}}},
        },
        ["Stack: role Jobs may now s3:GetObject on two"],
    ),
}


@pytest.mark.parametrize("case", WIDENINGS)
def test_is_a_widening(case: str) -> None:
    before, after, expected = WIDENINGS[case]
    assert widened(before, after) == expected
    assert widened(after, after) == []


ASSET = "arn:aws:s3:::cdk-hnb659fds-assets-111122223333-eu-west-1/{}.zip"
NO_WIDENINGS: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "an allowance less": ([allow(), allow("s3:PutObject")], [allow()]),
    "a denial more": ([allow()], [allow(), deny()]),
    "a larger denial": ([deny("s3:Put*")], [deny("s3:*")]),
    "a closer action": ([allow("s3:*")], [allow("s3:GetObject")]),
    "a closer resource": ([allow(resource="arn:aws:s3:::data*")], [allow()]),
    "a closer pattern": (
        [allow(resource="arn:aws:s3:::d*/x?")],
        [allow(resource="arn:aws:s3:::da*/x?")],
    ),
    "a condition more": ([allow()], [allow(Condition={"Bool": {"a:b": "true"}})]),
    "a closer condition": (
        [allow(Condition={"StringLike": {"s3:prefix": ["churn/*", "code/*"]}})],
        [allow(Condition={"StringLike": {"s3:prefix": "churn/x/*"}})],
    ),
    "everything but more": (
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": ["iam:*", "kms:*"], "Resource": "*"}],
    ),
    "one of everything but": (
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        [allow("s3:GetObject", "arn:aws:s3:::x")],
    ),
    "other letters of an action": ([allow("s3:GetObject")], [allow("S3:getobject")]),
    "another Sid": ([allow(Sid="One")], [allow(Sid="Two")]),
    "a function in the place of its value": ([allow()], [allow(resource=PARTITION_BUCKET)]),
    "a list in the place of one": ([allow()], [allow(["s3:GetObject"], ["arn:aws:s3:::data/*"])]),
    "other code": (
        [allow(resource=f"arn:aws:s3:::data/code/{'a' * 64}*")],
        [allow(resource=f"arn:aws:s3:::data/code/{'b' * 64}*")],
    ),
    "another asset": (
        [allow(resource=ASSET.format("a" * 64))],
        [allow(resource=ASSET.format("b" * 64))],
    ),
}


@pytest.mark.parametrize("case", NO_WIDENINGS)
def test_is_no_widening(case: str) -> None:
    before, after = NO_WIDENINGS[case]
    assert of_statements(before, after) == []


def test_a_pattern_of_single_characters_does_not_contain_one_of_any_length() -> None:
    assert of_statements([allow(resource="data/?")], [allow(resource="data/*")])


def test_a_function_inside_a_pattern_is_no_pattern() -> None:
    unknown = {"Fn::If": ["Small", "*", "x"]}
    before = allow(resource={"Fn::Join": ["", ["arn:", unknown]]})
    assert of_statements([before], [before]) == []
    assert of_statements([before], [allow(resource='arn:{"Fn::If": ["Small", "yy", "x"]}')])


def test_a_role_that_is_gone_takes_its_denials_with_it() -> None:
    before = template(Jobs=role(), P=policy(allow(), deny()))
    assert widened(before, template()) == []


def test_a_bucket_that_stays_without_its_stack_loses_its_denials() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
    before = template(Data=bucket, B=bucket_policy(deny(Principal="*")))
    assert widened(before, template()) == ["Stack: bucket Data: * is no longer denied s3:* on *"]
    assert (
        widened(
            template(**before["Resources"] | {"Data": {**bucket, "DeletionPolicy": "Delete"}}),
            template(),
        )
        == []
    )


def test_a_stack_that_is_new_is_new_as_a_whole() -> None:
    after = template(P=policy(allow()), B=bucket_policy(deny(Principal="*")))
    assert widened(template(), after) == [
        "Stack: role Jobs may now s3:GetObject on arn:aws:s3:::data/*"
    ]


statements = st.builds(
    allow,
    st.lists(
        st.sampled_from(["s3:GetObject", "s3:Put*", "kms:Decrypt", "*"]), min_size=1, max_size=3
    ),
    st.lists(st.sampled_from(["a", "a/*", "b/?", "arn:x:${aws:username}"]), min_size=1, max_size=3),
    Condition=st.dictionaries(
        st.sampled_from(["StringEquals", "StringNotLike", "Bool"]),
        st.dictionaries(st.sampled_from(["k", "l"]), st.lists(st.sampled_from("xyz"), min_size=1)),
        max_size=2,
    ),
)
denials = st.builds(lambda statement: {**statement, "Effect": "Deny"}, statements)
several = st.lists(statements | denials, max_size=5)


@given(several, st.integers(0, 5))
def test_any_new_allowance_is_a_widening_and_only_it(before: list[Json], place: int) -> None:
    """Unless something before contains it, which the new service name rules out, but for `*`."""
    before = [s for s in before if s["Effect"] == "Deny" or "*" not in s["Action"]]
    after = [*before[:place], allow("new:Action", "n"), *before[place:]]
    assert of_statements(before, after) == ["Stack: role Jobs may now new:Action on n"]


@given(several, st.data())
def test_an_allowance_less_is_none(before: list[Json], data: st.DataObject) -> None:
    after = [s for s in before if s["Effect"] == "Deny" or data.draw(st.booleans())]
    assert of_statements(before, after) == []


@given(several, st.data())
def test_a_denial_that_nothing_else_contains_is_one(
    before: list[Json], data: st.DataObject
) -> None:
    del data
    after = [s for s in before if s["Effect"] == "Allow"]
    assert bool(of_statements(before, after)) == (after != before)


@given(several, st.randoms())
def test_order_splitting_and_merging_do_not_count(before: list[Json], random: Any) -> None:
    split = [
        {**statement, "Action": action, "Resource": resource}
        for statement in before
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]
    random.shuffle(split)
    shuffled = copy.deepcopy(before)
    random.shuffle(shuffled)
    for other in (split, shuffled):
        assert of_statements(before, other) == []
        assert of_statements(other, before) == []


@given(several, several, several)
def test_what_is_not_wider_in_two_steps_is_not_wider_at_once(
    first: list[Json], second: list[Json], third: list[Json]
) -> None:
    if not of_statements(first, second) and not of_statements(second, third):
        assert of_statements(first, third) == []
