"""What a review may read of an environment, and who may take the role."""

from __future__ import annotations

from tests.constructs_lib.conftest import PARTS
from tests.stacks.synthesis import Synthesis, shown

READS = ("Describe", "Get", "List")


def test_it_only_reads(parts: Synthesis) -> None:
    statements = parts.statements(PARTS, "ReviewPolicy").values()
    actions = {action for statement in statements for action in statement["Action"]}
    verbs = {action.split(":")[1] for action in actions} - {"Decrypt"}
    assert all(verb.startswith(READS) for verb in verbs)


def test_of_the_bucket_it_reads_code_and_definitions_alone(parts: Synthesis) -> None:
    statements = parts.statements(PARTS, "ReviewPolicy")
    objects = [str(shown(name)) for name in statements["ReadCode"]["Resource"]]
    assert [name.partition("delivery-artifacts")[2] for name in objects] == [
        "/code/*",
        "/definitions/*",
    ]
    assert statements["ListCode"]["Condition"] == {
        "StringLike": {"s3:prefix": ["code/*", "definitions/*"]}
    }


def test_it_decrypts_what_lies_in_the_bucket_alone(parts: Synthesis) -> None:
    decrypt = parts.statements(PARTS, "ReviewPolicy")["DecryptCode"]
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert shown(decrypt["Condition"]) == {
        "StringEquals": {"kms:ViaService": "s3.eu-west-1.<AWS::URLSuffix>"}
    }


def test_named_roles_of_the_delivery_account_take_it_and_nobody_else(parts: Synthesis) -> None:
    (role,) = (
        role["Properties"]
        for name, role in parts.resources(PARTS, "AWS::IAM::Role").items()
        if name.startswith("ReviewRole")
    )
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert shown(statement["Principal"]) == {"AWS": "arn:aws:iam::999999999999:root"}
    assert shown(statement["Condition"]) == {
        "ArnEquals": {
            "aws:PrincipalArn": [
                "arn:aws:iam::999999999999:role/Smp-Delivery-pull-request-review",
                "arn:aws:iam::999999999999:role/Smp-Delivery-github-actions",
            ]
        }
    }
