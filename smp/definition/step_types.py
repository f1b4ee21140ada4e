"""The service's rule of what a step's cached result depends on: which attributes count, and for how long.

It never keeps a result and never decides whether one is there.

Source: "Default cache key attributes by pipeline step type" in the SageMaker developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from smp.definition.compiled import Json

KEY_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}
"""The arguments that count, by type of step; a step of any other type always runs."""

TUNED_ATTRIBUTES = (
    "AlgorithmSpecification",
    "HyperParameterRanges",
    "InputDataConfig",
    "StaticHyperParameters",
    "TuningObjective",
)
"""The attributes of a tuning step's TrainingJobDefinition that count."""

_UNITS = {"y": 365 * 86400, "m": 30 * 86400, "w": 7 * 86400, "d": 86400}
_TIME_UNITS = {"h": 3600, "m": 60, "s": 1}


def key_attributes(step_type: str, arguments: Json) -> Json:
    """Return the part of a step's arguments that its cache key is made of."""
    chosen = {name: arguments[name] for name in KEY_ATTRIBUTES[step_type] if name in arguments}
    definition = chosen.get("TrainingJobDefinition")
    if isinstance(definition, dict):
        chosen["TrainingJobDefinition"] = {
            name: definition[name] for name in TUNED_ATTRIBUTES if name in definition
        }
    return chosen


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration such as `30d`, `T16m` or `30dT5h`, with a `P` before or not."""
    days, _, hours = duration.removeprefix("P").partition("T")
    return sum(
        int(number) * units[unit]
        for text, units in ((days, _UNITS), (hours, _TIME_UNITS))
        for number, unit in re.findall(r"(\d+)([ymwdhs])", text.lower())
    )
