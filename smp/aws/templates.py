"""Reads the templates of deployed stacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from smp.aws.service_errors import explained, is_missing
from smp.aws.session import Session, client
from smp.errors import Problem, SetupError


def account_of(session: Session) -> str:
    """Return the number of the account that a session is in. Raises SmpError."""
    with explained("find out which account this is"):
        return str(client(session, "sts").get_caller_identity()["Account"])


def deployed_template(
    session: Session, stack: str, region: str | None = None
) -> Mapping[str, Any] | None:
    """Return the template of a stack; None where there is no such stack. Raises SmpError.

    `region` is the stack's, if it is not the session's.
    """
    with explained(f"read the template of stack {stack}"):
        cloudformation = client(session, "cloudformation", region_name=region)
        try:
            body = cloudformation.get_template(StackName=stack)["TemplateBody"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    return _parsed(stack, body)


def _parsed(stack: str, body: Any) -> Mapping[str, Any]:
    """Return a template, which boto3 gives as a value where it is JSON."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError as error:
            problem = Problem(
                f"the template of stack {stack} is not JSON",
                hint="it was not deployed by this app: compare it by hand, or choose another stack",
            )
            raise SetupError([problem]) from error
    template: Mapping[str, Any] = body
    return template
