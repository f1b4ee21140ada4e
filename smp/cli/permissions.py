"""The command that compares what templates allow: check-permissions."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smp.cli.aws_options import add_aws_options, open_session
from smp.cli.console import write_json, write_output
from smp.cli.workspace import Commands
from smp.errors import Problem, SetupError

if TYPE_CHECKING:
    from smp.definition.assembly import AssemblyStack
    from smp.review.iam.allowances import Allowance

NOT_WIDENED, WIDENED = 0, 3
AT_A_GLANCE = 20
"""More allowances than this are counted by stack first: a new stack is new entirely."""


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    check = commands.add_parser(
        "check-permissions",
        help="check whether templates allow more than the deployed ones",
        description="Compare what the policies in an assembly's templates allow with what the templates "
        "of the deployed stacks allow, or those of another assembly. Each allowance that is new is a "
        "line; so is a denial that is gone. A stack that is not deployed yet is new entirely. Other "
        "addresses of code and assets are not counted.",
        epilog="Exit status: 0 nothing more is allowed, 3 something is, 1 the comparison failed.",
    )
    check.add_argument(
        "--assembly",
        metavar="DIR",
        type=Path,
        default=Path("cdk.out"),
        help="what is to be deployed (default: cdk.out)",
    )
    check.add_argument(
        "--environment",
        metavar="NAME",
        default="default",
        help="whose stacks are compared (default: default)",
    )
    check.add_argument(
        "--base", metavar="DIR", type=Path, help="compare with this assembly, without AWS"
    )
    check.add_argument("--format", choices=("text", "json"), default="text")
    add_aws_options(check)
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from smp.review.iam.environment_stacks import stacks_of_environment

    stacks = stacks_of_environment(arguments.assembly, arguments.environment)
    listed = list(stacks.values())
    found = _since_base(listed, arguments) if arguments.base else _since_deployed(listed, arguments)
    if arguments.format == "json":
        write_json({"stacks": list(stacks), "widened": [str(allowance) for allowance in found]})
    else:
        write_output(_shown(found, len(stacks)))
    return WIDENED if found else NOT_WIDENED


def _since_base(stacks: Sequence[AssemblyStack], arguments: argparse.Namespace) -> list[Allowance]:
    from smp.review.iam.environment_stacks import new_allowances, stacks_of_environment

    base = stacks_of_environment(arguments.base, arguments.environment)
    return new_allowances(
        stacks, lambda stack: base[stack.name].template if stack.name in base else None
    )


def _since_deployed(
    stacks: Sequence[AssemblyStack], arguments: argparse.Namespace
) -> list[Allowance]:
    session = open_session(arguments)

    from smp.aws.templates import account_of, deployed_template
    from smp.review.iam.environment_stacks import new_allowances

    account = account_of(session)
    strangers = sorted({s.account for s in stacks if s.account and s.account != account})
    if strangers:
        raise SetupError(
            [
                Problem(
                    f"the stacks go to account {', '.join(strangers)}",
                    found=f"credentials of account {account}",
                    hint="give --profile or --assume-role of that account",
                )
            ]
        )
    return new_allowances(
        stacks,
        lambda stack: deployed_template(session, stack.name, stack.region),
        account,
        session.region_name,
    )


def _shown(found: Sequence[Allowance], stacks: int) -> str:
    compared = f"{stacks} stack{'s' * (stacks != 1)} compared"
    if not found:
        return f"{compared}: nothing more is allowed\n"
    lines = "".join(f"{allowance}\n" for allowance in found)
    return f"{_by_stack(found)}{lines}{compared}: {len(found)} more allowed\n"


def _by_stack(found: Sequence[Allowance]) -> str:
    """Return how many there are in each stack, if they are too many to be read at a glance."""
    if len(found) <= AT_A_GLANCE:
        return ""
    counted = Counter(allowance.stack for allowance in found)
    return "".join(f"{stack}: {number} more allowed\n" for stack, number in counted.items())
