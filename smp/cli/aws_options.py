"""The options of every command that talks to AWS, and the session that they name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smp.aws.session import Session


def add_aws_options(command: argparse._ActionsContainer) -> None:
    """Add `--region`, `--profile` and `--assume-role`."""
    command.add_argument(
        "--region", metavar="REGION", help="AWS region (default: as the AWS CLI finds it)"
    )
    command.add_argument(
        "--profile", metavar="NAME", help="profile of AWS's own settings (default: $AWS_PROFILE)"
    )
    command.add_argument(
        "--assume-role",
        metavar="ARN",
        action="append",
        default=[],
        help="IAM role to assume, e.g. in another account. Repeatable: the first one that can be "
        "assumed is used",
    )


def aws_arguments(arguments: argparse.Namespace) -> list[str]:
    """Return the options as they were given, for a command that a person may run next."""
    given = [("--region", arguments.region), ("--profile", arguments.profile)]
    given += [("--assume-role", role) for role in arguments.assume_role]
    return [part for name, value in given if value for part in (name, value)]


def open_session(arguments: argparse.Namespace) -> Session:
    """Return the session that the options name. Raises SetupError."""
    from smp.aws import session

    return session.open_session(arguments.region, arguments.profile, arguments.assume_role)
