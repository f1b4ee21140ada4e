"""Renders the triggers of a pipeline's configuration as values, and refuses those that would loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from smp.config.sections.triggers import ApprovedModelTrigger, DataTrigger, ScheduleTrigger
from smp.definition.deploy_values import BUCKET
from smp.definition.parameter_text import Value
from smp.definition.triggers import ApprovedModel, DataArrival, Schedule, Trigger
from smp.errors import Problem
from smp.graph.nodes import PipelineGraph, TriggerNode
from smp.text.messages import dotted, shown


def render_triggers(graph: PipelineGraph) -> tuple[Trigger, ...]:
    """Return the triggers of a pipeline, in the order written."""
    return tuple(_rendered(node) for node in graph.triggers)


def _rendered(node: TriggerNode) -> Trigger:
    config = node.config
    common: dict[str, Any] = {
        "name": config.name,
        "enabled": config.enabled,
        "parameters": {name: as_text(value) for name, value in config.parameters.items()},
        "target": node.target,
    }
    if isinstance(config, ScheduleTrigger):
        expression = f"cron({config.cron})" if config.cron else f"rate({config.rate})"
        zone = (config.timezone or "UTC") if config.cron else None
        return Schedule(
            **common, expression=expression, timezone=zone, start=config.start, end=config.end
        )
    if isinstance(config, DataTrigger):
        bucket = config.bucket or BUCKET
        return DataArrival(**common, bucket=bucket, prefix=config.prefix, suffix=config.suffix)
    assert isinstance(config, ApprovedModelTrigger)
    return ApprovedModel(**common, model_package_group=str(node.model_package_group))


def as_text(value: Value) -> str:
    """Return a value as StartPipelineExecution takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def loops(graph: PipelineGraph, writes: Iterable[str]) -> Iterator[Problem]:
    """Yield each data trigger that objects would set off which the pipeline itself writes.

    `writes` are the beginnings of their URIs.
    """
    places = list(writes)
    for index, trigger in enumerate(render_triggers(graph)):
        if not isinstance(trigger, DataArrival):
            continue
        own = f"s3://{trigger.bucket}/{trigger.prefix}"
        below = next((p for p in places if p.startswith(own) or own.startswith(p)), None)
        if below is not None:
            path = ("sagemakerPipeline", "triggers", index, "prefix")
            yield Problem(
                "the pipeline itself writes there: each execution would start the next",
                graph.pipeline.locate(*path),
                dotted(("conf", *path)),
                shown(trigger.prefix),
                f"a prefix apart from {below.replace(BUCKET, 'SMP_S3BUCKETNAME')}",
            )
