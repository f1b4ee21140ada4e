"""Puts steps into the loops that list them, and decides which of their results other steps may read.

The rules are the SageMaker SDK's for ForEach steps, and what follows from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from smp.config.steps.for_each import ForEachStep
from smp.definition.expressions import ITEM_SCOPE
from smp.errors import near_names
from smp.graph.findings import Findings
from smp.graph.nodes import StepNode
from smp.graph.step_classes import STEP_CLASSES
from smp.graph.step_classes.base import InLoop


def read_loops(findings: Findings) -> dict[str, str]:
    """Return the loop that each step is in; report what cannot be in one."""
    found: dict[str, str] = {}
    for loop in _loops(findings):
        for index, name in enumerate(loop.steps):
            problem = _loop_violation(findings, loop, name, found)
            if problem is None:
                found[name] = loop.step_name
            else:
                model, place = findings.places[loop.step_name]
                reason, hint = problem
                path = ("models", model, "steps", place, "steps", index)
                findings.report(reason, *path, hint=hint)
    if any(True for _ in _loops(findings)) and ITEM_SCOPE in findings.steps:
        findings.report_step(
            findings.config_of(ITEM_SCOPE),
            f"a step of a pipeline with loops cannot be called '{ITEM_SCOPE}', the item of an iteration",
            "step_name",
        )
    return found


def _loops(findings: Findings) -> Iterator[ForEachStep]:
    for step in findings.steps.values():
        if isinstance(step.config, ForEachStep):
            yield step.config


def _loop_violation(
    findings: Findings, loop: ForEachStep, name: str, found: Mapping[str, str]
) -> tuple[str, str | None] | None:
    """Return why a step cannot be in a loop, and what to do; None where it can."""
    others = [other for other in findings.places if other != loop.step_name]
    if name not in others:
        return f"'{name}' is not another step of this pipeline", near_names(name, others)
    if name not in findings.steps:
        return None
    if name in found:
        return f"'{name}' is a step of the loop '{found[name]}' already", None
    step_class = findings.config_of(name).step_class
    rule = STEP_CLASSES[step_class].in_loop
    if rule is InLoop.UNSUPPORTED:
        return f"'{name}' is of class {step_class}, which the service takes in no loop", None
    if rule is InLoop.NOT_ALLOWED:
        return (
            f"'{name}' is of class {step_class}, whose results would be at one place for all items",
            "put it before or after the loop",
        )
    return None


def place_in_loops(findings: Findings, nodes: tuple[StepNode, ...]) -> tuple[StepNode, ...]:
    """Return the nodes with their loops; a loop waits for all that its steps wait for outside."""
    loops = findings.loops
    _check_names(findings, nodes)
    placed = []
    for node in nodes:
        loop = loops.get(node.name)
        found = _with_selected(findings, replace(node, loop=loop))
        if loop is not None:
            _check_in_loop(findings, node, loop)
            inside = tuple(name for name in node.after if loops.get(name) == loop)
            found = replace(found, after=inside)
        elif node.step_class == "ForEach":
            found = replace(found, after=_waits_of(node, nodes, loops))
        placed.append(found)
    return tuple(placed)


def _waits_of(
    loop: StepNode, nodes: Iterable[StepNode], loops: Mapping[str, str]
) -> tuple[str, ...]:
    """Return what a loop waits for: what is written, and what its steps wait for outside it."""
    outside = (
        loops.get(name, name)
        for node in nodes
        if loops.get(node.name) == loop.name
        for name in (*node.after, *node.reads)
        if loops.get(name) != loop.name and name != loop.name
    )
    own = [*loop.after, *(name for name in outside if name not in loop.reads)]
    return tuple(dict.fromkeys(own))


def _with_selected(findings: Findings, node: StepNode) -> StepNode:
    """Report what a step reads of a loop that it is not in, except the selected iteration."""
    loops = findings.loops
    selected: list[str] = []
    for name in dict.fromkeys((*node.waits, *node.after)):
        loop = loops.get(name)
        if loop is None or loop == node.loop:
            continue
        config = findings.config_of(loop)
        assert isinstance(config, ForEachStep)
        reason = _why_unread(findings, node, name, config)
        if reason is None:
            selected.append(name)
        else:
            findings.report_step(node.config, reason[0], hint=reason[1])
    return replace(node, selected=tuple(selected))


def _why_unread(
    findings: Findings, node: StepNode, name: str, loop: ForEachStep
) -> tuple[str, str] | None:
    """Return why a step outside cannot have a step of a loop, and what to do; None where it can."""
    if name in node.after or name in node.after_failed:
        return (
            f"it waits for '{name}', which runs once for each item of '{loop.step_name}'",
            f"wait for '{loop.step_name}', which ends when all iterations have",
        )
    compared = loop.selected.owner if loop.selected is not None else None
    step_class = findings.config_of(name).step_class
    if name in (node.create_model, node.metrics) or step_class == "Tuning":
        return (
            f"it needs '{name}', of class {step_class}, which runs once for each item of "
            f"'{loop.step_name}'",
            f"put both into the loop, or '{name}' behind it",
        )
    if compared != name:
        return (
            f"it reads '{name}', which runs once for each item of '{loop.step_name}'",
            f"a selector of '{loop.step_name}' with a field of '{name}', which selects the iteration",
        )
    return None


def _check_in_loop(findings: Findings, node: StepNode, loop: str) -> None:
    if getattr(node.config, "on_failure", ()):
        findings.report_step(
            node.config,
            "a step of a loop cannot have on_failure",
            "on_failure",
            hint=f"write it at '{loop}', which fails when an iteration fails",
        )
    if node.name in findings.sides:
        findings.report_step(
            node.config,
            f"a condition lists it, and it runs in the loop '{loop}'",
            hint=f"list '{loop}' in its place",
        )
    if loop in (*node.after, *node.reads):
        findings.report_step(node.config, f"it waits for '{loop}', the loop that it runs in")
    outside = node.create_model is not None and findings.loops.get(node.create_model) != loop
    if node.step_class == "Transform" and outside:
        findings.report_step(
            node.config,
            f"its predictions would be at one place for all items: '{node.create_model}', which makes its "
            "model, is in no loop",
            hint=f"put '{node.create_model}' into '{loop}' too",
        )
    if node.step_class == "DeleteModel" and outside:
        findings.report_step(
            node.config,
            f"each iteration would delete the model of '{node.create_model}', which is in no loop",
            hint=f"put '{node.create_model}' into '{loop}' too",
        )
    section = node.model.config.train
    places = section.checkpoint_s3_uri if node.step_class == "Training" and section else None
    if places is not None and f"${{{ITEM_SCOPE}" not in places:
        findings.report_model(
            node.model,
            f"is one place for the checkpoints of all iterations of '{loop}'",
            *("train", "checkpoint_s3_uri"),
            found=places,
            hint="put ${item} into it",
        )


def _check_names(findings: Findings, nodes: tuple[StepNode, ...]) -> None:
    """Report names that iterations have: the service calls them `<step>-<index>`."""
    for node in nodes:
        for emitted in node.emitted:
            match = re.fullmatch(r"(.+)-\d+", emitted)
            if match is None:
                continue
            owner = next(
                (o for o in nodes if match[1] in o.emitted and o.name in findings.loops), None
            )
            if owner is not None:
                findings.report_step(
                    node.config,
                    f"'{emitted}' is the name of an iteration of '{owner.name}' in the loop "
                    f"'{findings.loops[owner.name]}'",
                    "step_name",
                )
