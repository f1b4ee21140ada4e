"""The types of the settings' values, each with its allowed values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from smp.config.values.base import Text, fault, pattern, split_commas
from smp.definition.stack_names import environment_of, foundation_name

CommaList = Annotated[
    tuple[Text, ...],
    Field(strict=False),
    BeforeValidator(split_commas, json_schema_input_type=str | list[str]),
]
Account = Annotated[str, Field(pattern=pattern(r"^[0-9]{12}$", "an account number: 12 digits"))]
Region = Annotated[
    str,
    Field(pattern=pattern(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "a region's name, such as eu-west-1")),
]
KeyArn = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", "the ARN of a KMS key"
        )
    ),
]
RoleArn = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$", "the ARN of an IAM role"
        )
    ),
]
VpcId = Annotated[
    str, Field(pattern=pattern(r"^vpc-[0-9a-f]{8,17}$", "the id of a VPC, such as vpc-1a2b3c4d"))
]
LogDays = Literal[30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653]
"""Of what CloudWatch Logs offers, from 30 days up."""
BucketName = Annotated[
    str,
    Field(pattern=pattern(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "a bucket's name")),
]


def _not_the_delivery_s(name: str) -> str:
    if environment_of(foundation_name(name), [name]) is None:
        raise fault("the names of the delivery's own stacks begin so")
    return name


EnvironmentName = Annotated[
    str,
    Field(
        max_length=32,
        pattern=pattern(r"^[A-Za-z][A-Za-z0-9-]*$", "letters, digits and hyphens, a letter first"),
    ),
    AfterValidator(_not_the_delivery_s),
]
