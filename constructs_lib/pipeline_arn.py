"""The ARN and the name of a SageMaker pipeline: how they are written, and what makes one malformed.

Every part may be a token, or the whole ARN may be one: then the deployment decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from constructs import IConstruct

from smp.errors import Problem, SetupError

ARN_FORM = "arn:PARTITION:sagemaker:REGION:ACCOUNT:pipeline/NAME"
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}")
NAME_FORM = "1 to 256 letters, digits and hyphens, with a letter or digit first and last"
PARTS = {
    "partition": (re.compile(r"aws[a-z-]*"), "aws, aws-cn, aws-us-gov or another AWS partition"),
    "service": (re.compile("sagemaker"), "sagemaker"),
    "region": (re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+"), "a region such as eu-west-1"),
    "account": (re.compile(r"[0-9]{12}"), "an account number: 12 digits"),
}
"""The parts between `arn` and the resource: a pattern, and what a message calls it."""

RESOURCE = "pipeline/"


@dataclass(frozen=True)
class PipelineIdentity:
    """A pipeline's ARN, with the name in lower case as the service writes it, and the name itself."""

    arn: str
    name: str

    def arns(self) -> list[str]:
        """Return the ARN in every spelling of the name that IAM may compare with."""
        if cdk.Token.is_unresolved(self.name):
            return [self.arn]
        return sorted({self.arn, self.arn.removesuffix(self.name.lower()) + self.name})


def identity_from_name(scope: IConstruct, name: str, path: str = "") -> PipelineIdentity:
    """Return a pipeline of the scope's own account and region; raises SetupError for a malformed name.

    `path` is the construct that a message names.
    """
    if not cdk.Token.is_unresolved(name) and not NAME.fullmatch(name):
        hint = "pass an ARN to from_pipeline_arn" if name.startswith("arn:") else None
        problem = Problem("is not the name of a pipeline", None, path, repr(name), NAME_FORM, hint)
        raise SetupError([problem])
    arn = cdk.Stack.of(scope).format_arn(
        service="sagemaker", resource="pipeline", resource_name=_in_arn(name)
    )
    return PipelineIdentity(arn, name)


def identity_from_arn(scope: IConstruct, arn: str, path: str) -> PipelineIdentity:
    """Return the pipeline of an ARN, of whichever account, region and partition.

    Raises SetupError for a malformed one. `path` is the construct that a message names.
    """
    if cdk.Token.is_unresolved(arn) and not arn.startswith("arn:"):
        parts = cdk.Stack.of(scope).split_arn(arn, cdk.ArnFormat.SLASH_RESOURCE_NAME)
        assert parts.resource_name is not None
        return PipelineIdentity(arn, parts.resource_name)
    reasons = list(_malformed(arn))
    if reasons:
        raise SetupError([Problem(reason, None, path, repr(arn), ARN_FORM) for reason in reasons])
    head, name = arn.split(f":{RESOURCE}", 1)
    return PipelineIdentity(f"{head}:{RESOURCE}{_in_arn(name)}", name)


def _in_arn(name: str) -> str:
    """Return a name in the spelling of ARNs. A token's text is a reference and keeps its spelling."""
    return name if cdk.Token.is_unresolved(name) else name.lower()


def _malformed(arn: str) -> Iterator[str]:
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        yield "is not an ARN: it needs six parts with colons between them, 'arn' first"
        return
    for (part, (pattern, allowed)), found in zip(PARTS.items(), parts[1:5], strict=True):
        if not cdk.Token.is_unresolved(found) and not pattern.fullmatch(found):
            yield f"is not the ARN of a SageMaker pipeline: the {part} is '{found}', not {allowed}"
    resource = parts[5]
    name = resource.removeprefix(RESOURCE)
    if "/execution/" in name:
        yield "is the ARN of an execution: leave out /execution/ and what follows"
    elif name == resource:
        yield f"is not the ARN of a SageMaker pipeline: '{resource}' does not begin with {RESOURCE}"
    elif not cdk.Token.is_unresolved(name) and not NAME.fullmatch(name):
        yield f"is not the ARN of a SageMaker pipeline: the name '{name}' is not {NAME_FORM}"
