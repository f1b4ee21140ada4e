"""A compiled pipeline in short lines, one for each part of it: what a reviewer compares at a glance.

A line holds a few facts and hashes of the rest: the same part always gives the same line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from smp.definition.compiled import CONTAINERS, CompiledPipeline, Json
from smp.definition.triggers import AIRFLOW, SAGEMAKER, Trigger

HASH_CHARACTERS = 12
CODE_ADDRESS = re.compile(r"(?<=/code/)[0-9a-f]{64}")


def summarise(pipeline: CompiledPipeline) -> dict[str, str]:
    """Return a line for each step, parameter and trigger, and one for the rest of the definition.

    Targets other than SageMaker have one. Nothing else counts: if no line of these
    changes, the summary does not change.
    """
    return dict(_lines(pipeline))


def _lines(pipeline: CompiledPipeline) -> Iterator[tuple[str, str]]:
    edges = pipeline.edges()
    for step in pipeline.steps():
        name = step["Name"]
        yield f"step {name}", _step(step, edges[name])
    for parameter in pipeline.definition.get("Parameters", []):
        rest = {key: value for key, value in parameter.items() if key != "Name"}
        yield f"parameter {parameter['Name']}", _text(rest)
    for trigger in pipeline.triggers:
        yield f"trigger {trigger.name}", _trigger(trigger)
    if pipeline.targets != (SAGEMAKER,):
        mode = {AIRFLOW: " (start)"} if pipeline.airflow_mode == "start" else {}
        yield "targets", ", ".join(f"{name}{mode.get(name, '')}" for name in pipeline.targets)
    rest = {k: v for k, v in pipeline.definition.items() if k not in ("Parameters", "Steps")}
    order = [step["Name"] for step in pipeline.steps()]
    yield "settings", _hash({"definition": rest, "order of steps": order})


def _trigger(trigger: Trigger) -> str:
    parts = [trigger.described()] if trigger.enabled else ["switched off", trigger.described()]
    if trigger.target != SAGEMAKER:
        parts.append(f"on {trigger.target}")
    return "; ".join([*parts, _text(dict(trigger.parameters))] if trigger.parameters else parts)


def _step(step: Json, upstream: tuple[str, ...]) -> str:
    """Describe a step: its kind, what it waits for, its code, and a hash of its settings.

    The settings are without code addresses and without the steps inside it, which have their own lines.
    """
    arguments = {k: v for k, v in step.get("Arguments", {}).items() if k not in CONTAINERS}
    text = _text({**step, "Arguments": arguments})
    code = sorted(set(CODE_ADDRESS.findall(text)))
    parts = [step["Type"], f"settings {_hash(CODE_ADDRESS.sub('', text))}"]
    if code:
        parts.append("code " + " ".join(sha256[:HASH_CHARACTERS] for sha256 in code))
    if upstream:
        parts.append(f"after {', '.join(upstream)}")
    return "; ".join(parts)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _hash(value: Any) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()[:HASH_CHARACTERS]
