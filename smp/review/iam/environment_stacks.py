"""Which stacks of an assembly belong to an environment, and what these allow that others did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smp.definition.assembly import AssemblyStack, assemblies_in, read_stacks
from smp.definition.stack_names import environment_of, environments_of
from smp.errors import Problem, SetupError, near_names
from smp.review.iam.allowances import Allowance
from smp.review.iam.policies import PolicyReader, kind_of
from smp.review.iam.template_text import Template, TemplateText, known_values


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


@dataclass(frozen=True)
class Permissions:
    """All that the policies of some templates allow and deny."""

    allowances: frozenset[Allowance] = frozenset()
    deleted_with_template: frozenset[tuple[str, str]] = frozenset()
    """Holders that are resources, by stack: taken out of the template, they are gone."""

    def __or__(self, other: Permissions) -> Permissions:
        return Permissions(
            self.allowances | other.allowances,
            self.deleted_with_template | other.deleted_with_template,
        )


def permissions_in(stack: str, template: Template, known: Mapping[str, str]) -> Permissions:
    """Return all that the policies of one template allow and deny.

    `known` are the values of pseudo parameters. A part that only the service could evaluate is kept
    as it is: any change of it is something new.
    """
    deleted = (
        (stack, f"{kind_of(str(resource.get('Type')))} {name}")
        for name, resource in template.get("Resources", {}).items()
        if not str(resource.get("DeletionPolicy", "Delete")).startswith("Retain")
    )
    allowances = PolicyReader(stack, template, TemplateText(template, known)).read()
    return Permissions(frozenset(allowances), frozenset(deleted))


def widenings(before: Permissions, after: Permissions) -> list[Allowance]:
    """Return what is allowed after and was not before, and what is no longer denied.

    What another allowance of the same holder contained is not new. The denials of a role or a resource
    that is deleted are gone with it, and that is not a widening.
    """
    old, new = _by_holder(before.allowances), _by_holder(after.allowances)
    gone = before.deleted_with_template - after.deleted_with_template
    found = []
    for holder in {*old, *new}:
        were, are = old.get(holder, []), new.get(holder, [])
        found += [a for a in are if a.effect == "Allow" and not _any(were, a)]
        if holder not in gone:
            found += [d for d in were if d.effect == "Deny" and not _any(are, d)]
    return sorted(found, key=str)


def _by_holder(allowances: Iterable[Allowance]) -> dict[tuple[str, str], list[Allowance]]:
    grouped: dict[tuple[str, str], list[Allowance]] = {}
    for allowance in allowances:
        grouped.setdefault((allowance.stack, allowance.holder), []).append(allowance)
    return grouped


def _any(known: Sequence[Allowance], wanted: Allowance) -> bool:
    return any(allowance.contains(wanted) for allowance in known)
