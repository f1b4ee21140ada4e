"""Puts steps on the sides of Condition steps, and steps after a failure behind it.

A step that waits for steps of both sides runs after either: the service cannot join two branches,
so such a step is rendered on both, under two names (docs/adr/0013).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from smp.config.steps.base import StepBase
from smp.config.steps.condition import ConditionStep
from smp.config.steps.for_each import ForEachStep
from smp.config.values.condition import Reference
from smp.config.values.message import message_parts
from smp.definition.order import topological
from smp.errors import near_names
from smp.graph.findings import Findings, Sides
from smp.graph.nodes import Branch, ChainedInput, StepNode

COPY_SUFFIX = "-else"
"""What the name of a step on both sides ends in where the condition does not hold."""

KEYS = {True: "if_steps", False: "else_steps"}


def read_sides(findings: Findings) -> Sides:
    """Return which steps each Condition step lists on which side; report names that are none."""
    sides: dict[str, dict[str, frozenset[bool]]] = {}
    for step in findings.steps.values():
        if not isinstance(step.config, ConditionStep):
            continue
        if not step.config.if_steps + step.config.else_steps:
            findings.report_step(
                step.config,
                "decides nothing",
                allowed="steps in if_steps, else_steps or both",
            )
        for taken, key in KEYS.items():
            for name in _known(findings, step.config, key):
                sides_of = sides.setdefault(name, {})
                own = step.config.step_name
                sides_of[own] = sides_of.get(own, frozenset()) | {taken}
    return sides


def _known(findings: Findings, config: StepBase, key: str) -> Iterable[str]:
    """Yield the names under a key that are other steps of the pipeline; report the rest."""
    model, place = findings.places[config.step_name]
    for index, name in enumerate(getattr(config, key)):
        if name in findings.steps and name != config.step_name:
            yield name
        elif name not in findings.places or name == config.step_name:
            others = [other for other in findings.places if other != config.step_name]
            findings.report(
                f"'{name}' is not another step of this pipeline",
                *("models", model, "steps", place, key, index),
                hint=near_names(name, others),
            )


def wait_for_failures(findings: Findings, nodes: tuple[StepNode, ...]) -> tuple[StepNode, ...]:
    """Return the nodes with `on_failure` reversed into a wait: the step that it names waits."""
    failed: dict[str, list[str]] = {}
    for step in findings.steps.values():
        if getattr(step.config, "on_failure", ()):
            for name in _known(findings, step.config, "on_failure"):
                failed.setdefault(name, []).append(step.config.step_name)
    found = []
    for node in nodes:
        after = tuple(failed.get(node.name, ()))
        for name in set(after).intersection((*node.reads, *node.after)):
            findings.report_step(
                findings.config_of(name),
                f"'{node.name}' runs when this step failed, and also waits for it to succeed",
                "on_failure",
                hint="no step can do both: take it out of one of them",
            )
        found.append(replace(node, after_failed=after))
    return tuple(found)


def place_on_sides(
    findings: Findings, nodes: tuple[StepNode, ...], sides: Sides
) -> tuple[StepNode, ...]:
    """Return the nodes with their branches; a step on both sides is there twice."""
    found = _spread(findings, nodes, sides)
    if findings.problems:
        return nodes
    placed: list[StepNode] = []
    for node in nodes:
        branches = found.get(node.name, frozenset())
        if len(branches) < 2:
            (branch,) = branches or (None,)
            placed.append(_on(node, branch, found))
            continue
        yes, no = sorted(branches, key=lambda branch: not branch.taken)
        placed += [_on(node, yes, found), _on(node, no, found)]
    return tuple(placed)


Found = dict[str, frozenset[Branch]]
"""The branches that each step runs on; none for a step that always runs."""


def _spread(findings: Findings, nodes: tuple[StepNode, ...], sides: Sides) -> Found:
    """Return the sides on which each step runs: those that list it, and those of the steps it waits for."""
    found: Found = {}
    classes = {node.name: node.step_class for node in nodes}
    named = {node.name: node for node in nodes}
    waits = {name: (*node.waits, *sides.get(name, {})) for name, node in named.items()}
    for node in map(named.__getitem__, topological(waits)):
        branches = frozenset(
            Branch(condition, taken)
            for condition, taken_sides in sides.get(node.name, {}).items()
            for taken in taken_sides
        ).union(*(found[name] for name in node.waits))
        found[node.name] = branches
        conditions = {branch.condition for branch in branches}
        _check_place(findings, node, conditions, classes)
    return found


def _check_place(
    findings: Findings, node: StepNode, conditions: set[str], classes: Mapping[str, str]
) -> None:
    if len(conditions) > 1 or (conditions and node.step_class == "Condition"):
        names = ", ".join(sorted(conditions))
        findings.report_step(
            node.config,
            f"it depends on the outcome of {names}, and a condition inside a condition "
            "is not possible in the service",
            hint="join the conditions with 'and' in one step, or order the steps before them",
        )
    for name in node.after:
        if classes[name] == "Condition" and name not in conditions:
            findings.report_step(
                node.config,
                f"it waits for the Condition step '{name}' and is on neither of its sides",
                allowed=f"its name in if_steps, in else_steps, or in both of '{name}'",
            )


def _on(node: StepNode, branch: Branch | None, found: Found) -> StepNode:
    """Return a node as it runs on one side: what the other side runs it does not wait for."""

    def here(name: str) -> bool:
        return not found[name] or branch in found[name]

    def renamed(name: str) -> str:
        return _name(name, branch, found)

    def one(name: str | None) -> str | None:
        return renamed(name) if name is not None and here(name) else None

    own = renamed(node.name)
    condition = branch.condition if branch else None
    return replace(
        node,
        config=node.config.model_copy(update={"step_name": own}),
        chained=tuple(
            _reading(chain, renamed(chain.source)) for chain in node.chained if here(chain.source)
        ),
        after=tuple(renamed(name) for name in node.after if here(name) and name != condition),
        after_failed=tuple(renamed(name) for name in node.after_failed if here(name)),
        reports=tuple((written, renamed(name)) for written, name in node.reports if here(name)),
        training=one(node.training) or one(node.training_otherwise),
        training_otherwise=None,
        approved=one(node.approved),
        create_model=one(node.create_model),
        metrics=one(node.metrics),
        loop=one(node.loop),
        selected=tuple(renamed(name) for name in node.selected if here(name)),
        branch=branch,
        copy_of=node.name if own != node.name else None,
    )


def _reading(chain: ChainedInput, source: str) -> ChainedInput:
    """Return a chained input that reads another form of its source."""
    return chain if chain.source == source else replace(chain, source=source, copied=chain.source)


def _name(name: str, branch: Branch | None, found: Found) -> str:
    twice = len(found[name]) > 1
    return f"{name}{COPY_SUFFIX}" if twice and branch is not None and not branch.taken else name


def follow_sides(
    findings: Findings, listed: Sides, after: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, frozenset[bool]]]:
    """Return the sides of each step: those that list it, and those of the steps it waits for."""
    found = {name: dict(listed.get(name, {})) for name in findings.steps}
    changed = True
    while changed:
        changed = False
        for name, own in found.items():
            for before in _before(findings, name, after):
                for condition, taken in found.get(before, {}).items():
                    merged = own.get(condition, frozenset()) | taken
                    changed = changed or merged != own.get(condition)
                    own[condition] = merged
    return found


def follow_failures(findings: Findings, after: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return the steps that run only when another has failed, and those that wait for them."""
    found = {
        name
        for step in findings.steps.values()
        for name in getattr(step.config, "on_failure", ())
        if name in findings.steps
    }
    while True:
        others = findings.steps.keys() - found
        following = {n for n in others if found.intersection(_before(findings, n, after))}
        if not following:
            return frozenset(found)
        found |= following


def _before(findings: Findings, name: str, after: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what a step is written to wait for, before its class finds more."""
    config = findings.config_of(name)
    yield from after.get(name, ())
    yield from getattr(config, "chain_input_source_step", ())
    if name in findings.loops:
        yield findings.loops[name]
    if isinstance(config, ForEachStep) and isinstance(config.items, str):
        parts = message_parts(config.items)
        yield from (part.owner for part in parts if isinstance(part, Reference))
