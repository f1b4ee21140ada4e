"""What CloudFormation templates allow, and what one set of them allows that another did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smp.review.iam.allowances import Allowance
from smp.review.iam.policies import PolicyReader, kind_of
from smp.review.iam.template_text import Template, TemplateText


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

    `known` are the values of pseudo parameters. A part that only the service could evaluate stands for
    itself: any change of it is something new.
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
    that is deleted are gone with it, and that is no widening.
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
