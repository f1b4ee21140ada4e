"""Checks references to a loop's item: only in a loop, and only to fields that its items have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smp.config.project import Model
from smp.config.steps.for_each import ForEachStep
from smp.config.values.condition import PARAMETERS, Reference
from smp.config.values.message import message_parts
from smp.config.values.varying import Use, uses_in
from smp.errors import Location, Problem, near_names
from smp.graph.findings import Findings
from smp.graph.parameters import declared_parameter
from smp.graph.step_classes import STEP_CLASSES
from smp.text.messages import dotted, shown

Placed = tuple[Use, Location, str]
"""A value with where it is written."""


def check_items(findings: Findings) -> None:
    """Report items outside a loop, fields that an item lacks, and items in a value that cannot vary."""
    for step in findings.steps.values():
        if isinstance(step.config, ForEachStep) and isinstance(step.config.items, str):
            (read,) = message_parts(step.config.items)
            if isinstance(read, Reference) and read.kind == PARAMETERS:
                _check_parameter(findings, step.config, read.path)
    for name in findings.steps:
        loop = findings.loops.get(name)
        config = findings.config_of(loop) if loop is not None else None
        assert config is None or isinstance(config, ForEachStep)
        for use, location, path in _uses(findings, name):
            reason = _item_violation(use, name, config)
            if reason is not None:
                text, allowed, hint = reason
                findings.problems.append(
                    Problem(text, location, path, shown(str(use.value)), allowed, hint)
                )


def _uses(findings: Findings, name: str) -> Iterator[Placed]:
    step = findings.steps[name]
    model, index = findings.places[name]
    own = ("sagemakerPipeline", "models", model, "steps", index)
    for use in uses_in(step.config):
        if use.items and type(step.config) is not ForEachStep:
            where, path = findings.pipeline.place((*own, *use.path))
            yield use, where, dotted(path)
    for key in STEP_CLASSES[step.config.step_class].sections(step):
        yield from _uses_of_section(step.model, key)


def _uses_of_section(model: Model, key: str) -> Iterator[Placed]:
    section = model.config.section(key)
    for use in uses_in(section) if section is not None else ():
        if use.items:
            where, path = model.place((key, *use.path))
            yield use, where, dotted(path)


Reason = tuple[str, str | None, str | None]


def _item_violation(use: Use, name: str, loop: ForEachStep | None) -> Reason | None:
    """Return what is wrong with an item at a place, what is allowed, a hint; None where nothing is."""
    if loop is None:
        reason = f"step '{name}' is in no loop, so there is no item"
        return reason, None, f"list '{name}' in the steps of a ForEach step"
    if use.path and str(use.path[-1]).endswith("instance_type"):
        reason = "instance settings are decided at compile time and cannot depend on the loop item"
        return reason, "an instance type, or a parameter", None
    text = str(use.value)
    bucket = text.removeprefix("s3://").partition("/")[0] if text.startswith("s3://") else ""
    if use.bucket == "name" or "${item" in bucket:
        reason = "the bucket depends on the item, so no permission can be granted for it"
        return reason, "s3://BUCKET/${item}", None
    return _unknown_field(use, loop) or _no_name(use, text, loop)


def _unknown_field(use: Use, loop: ForEachStep) -> Reason | None:
    if isinstance(loop.items, str):
        return None
    first = loop.items[0]
    fields = tuple(first) if isinstance(first, Mapping) else ()
    for field in use.items:
        if field and not fields:
            reason = f"the items of '{loop.step_name}' have no fields"
            return reason, "${item}", None
        if field and field not in fields:
            reason = f"the items of '{loop.step_name}' have no field '{field}'"
            return reason, ", ".join(fields), near_names(field, fields)
    return None


def _no_name(use: Use, text: str, loop: ForEachStep) -> Reason | None:
    """Refuse whole URIs where the item begins the name of a file below a bucket."""
    if use.bucket != "uri" or not text.startswith("${item") or isinstance(loop.items, str):
        return None
    field = use.items[0]
    values = (item[field] if isinstance(item, Mapping) else item for item in loop.items)
    wrong = next((value for value in values if str(value).startswith("s3://")), None)
    if wrong is None:
        return None
    reason = f"is a name below the channel's bucket, and the item may be {shown(wrong)}"
    return reason, "s3://BUCKET/${item}, with items below it", None


def _check_parameter(findings: Findings, config: ForEachStep, name: str) -> None:
    model, index = findings.places[config.step_name]
    path = ("sagemakerPipeline", "models", model, "steps", index, "items")
    place = findings.pipeline.locate(*path)
    declared = declared_parameter(findings, name, place, dotted(("conf", *path)), str(config.items))
    if declared is None:
        return
    if declared.type != "String":
        findings.report_step(
            config,
            f"'{name}' is of type {declared.type}, and items are a text that holds a list as JSON",
            "items",
            allowed="a parameter of type String",
        )
