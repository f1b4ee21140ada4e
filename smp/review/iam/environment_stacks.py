"""Which stacks of an assembly belong to an environment, and what these allow that others did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from smp.definition.assembly import AssemblyStack, assemblies_in, read_stacks
from smp.definition.stack_names import environment_of, environments_of
from smp.errors import Problem, SetupError, near_names
from smp.review.iam.allowances import Allowance
from smp.review.iam.template_permissions import Permissions, permissions_in, widenings
from smp.review.iam.template_text import Template, known_values


def stacks_of_environment(directory: Path, environment: str) -> dict[str, AssemblyStack]:
    """Return the stacks of an environment by name, those of nested assemblies too.

    Raises SetupError where the assembly has none of them.
    """
    stacks = {s.name: s for place in assemblies_in(directory) for s in read_stacks(place)}
    environments = environments_of(stacks)
    if environment not in environments:
        raise SetupError(
            [
                Problem(
                    f"{directory} has no environment '{environment}'",
                    allowed=", ".join(sorted(environments)) or None,
                    hint=near_names(environment, environments)
                    or "an assembly of one environment is made with: tools/cdk synth -c environment=NAME",
                )
            ]
        )
    return {
        name: stack
        for name, stack in sorted(stacks.items())
        if environment_of(name, environments) == environment
    }


def new_allowances(
    stacks: Iterable[AssemblyStack],
    template_before: Callable[[AssemblyStack], Template | None],
    account: str | None = None,
    region: str | None = None,
) -> list[Allowance]:
    """Return what the stacks allow and their templates before did not.

    A stack without a template before is new, with all that it allows. `account` and `region` are those
    of stacks that do not name their own.
    """
    before, after = Permissions(), Permissions()
    for stack in stacks:
        known = known_values(stack.account or account, stack.region or region)
        after |= permissions_in(stack.name, stack.template, known)
        old = template_before(stack)
        if old is not None:
            before |= permissions_in(stack.name, old, known)
    return widenings(before, after)
