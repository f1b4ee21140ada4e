"""How schedules and rules start what runs a pipeline, and hand it the values that a trigger sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from constructs_lib.definition_text import json_text, plain_text
from smp.definition.parameter_text import Value, read_text
from smp.definition.triggers import event_path


class Start(Protocol):
    """What a schedule or rule starts."""

    @property
    def arn(self) -> str:
        """The ARN of what is started."""

    @property
    def target_id(self) -> str:
        """The id of a rule's target."""

    def scheduled(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the members of a schedule's target that hand the values over."""

    def by_event(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the members of a rule's target that hand the values over, those of the event too."""


@dataclass(frozen=True)
class PipelineStart:
    """A SageMaker pipeline: values are texts that may contain paths into an event."""

    arn: str
    target_id: str = "Pipeline"

    def scheduled(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        values = [
            {"Name": name, "Value": plain_text(value)} for name, value in sorted(parameters.items())
        ]
        listed = {"SageMakerPipelineParameters": {"PipelineParameterList": values}}
        return listed if values else {}

    def by_event(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        return self.scheduled(
            {name: event_path(value) or value for name, value in parameters.items()}
        )


@dataclass(frozen=True)
class StateMachineStart:
    """A state machine: values are of their parameters' types, in one JSON object.

    `types` maps the name of each parameter to `String`, `Integer`, `Float` or `Boolean`. There is
    always an input: without one an execution would get the whole event.
    """

    arn: str
    types: Mapping[str, str] = field(default_factory=dict)
    target_id: str = "StateMachine"

    def scheduled(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        return {"Input": json_text(self._typed(parameters))}

    def by_event(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        paths = {name: event_path(value) for name, value in sorted(parameters.items())}
        constant = {name: value for name, value in parameters.items() if paths[name] is None}
        used = sorted({path for path in paths.values() if path is not None})
        if not used:
            return self.scheduled(constant)
        variables = {path: f"value-{number}" for number, path in enumerate(used, start=1)}
        members = [
            f"{json.dumps(name)}: <{variables[path]}>"
            for name, path in paths.items()
            if path is not None
        ]
        members += [
            f"{json.dumps(name)}: {_literal(value)}"
            for name, value in self._typed(constant).items()
        ]
        return {
            "InputTransformer": {
                "InputPathsMap": {name: path for path, name in variables.items()},
                "InputTemplate": "{" + ", ".join(members) + "}",
            }
        }

    def _typed(self, parameters: Mapping[str, str]) -> dict[str, Value]:
        return {
            name: read_text(value, self.types.get(name, "String"))
            for name, value in sorted(parameters.items())
        }


def _literal(value: Value) -> str:
    """Return JSON in which nothing looks like a variable of a template."""
    text = json_text(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")
