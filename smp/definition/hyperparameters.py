"""How hyperparameters are written in a request, which has texts only, and how a container reads them.

What starts a script reads each one as JSON, and takes as text what is not JSON. An image's own algorithm
gets the texts of the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from smp.definition.compiled import Json
from smp.definition.deploy_values import PATTERN
from smp.definition.expressions import DOTTED, REFERENCE, whole_name
from smp.definition.language import parameter_of

MAX_VALUE = 2500
"""HyperParameterValue (botocore 1.44.5)."""

NOT_TAKEN = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
"""What the service's pattern `.*` does not match, and other control characters."""
OPEN = re.compile(f"{DOTTED.pattern}|{PATTERN.pattern}")
"""What has its value only in an execution, or in a deployment."""
WORDS = ("true", "false", "null", "NaN", "Infinity")
BEGINNINGS = frozenset('{["-0123456789 \t')


def script_text(value: Any, numbers: Collection[str] = ()) -> str:
    """Return a hyperparameter as the request of a script's job has it: read as JSON it is the value.

    `numbers` are the names of the parameters that are no texts: one of them that is the whole value stays a
    number.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    return json.dumps(value) if _is_quoted(value, numbers) else value


def trial_text(value: Any, numbers: Collection[str] = ()) -> str:
    """Return a hyperparameter as the request of a tuning job over a script has it.

    The toolkits write a list as Python does, and a mapping as `a=1,b=2`: it goes as a text, which is JSON.
    """
    return script_text(argument_text(value) if isinstance(value, (tuple, dict)) else value, numbers)


def argument_text(value: Any) -> str:
    """Return a hyperparameter of a tuned script as its argument is to be."""
    if isinstance(value, (tuple, dict)):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def algorithm_text(value: Any) -> str:
    """Return a hyperparameter as the request of an image's own algorithm has it."""
    return value if isinstance(value, str) else json.dumps(value)


def decoded(text: Any) -> Any:
    """Read a hyperparameter as the SDK's launcher and the toolkits of the framework images do."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def quoted_parameters(text: str, numbers: Collection[str] = ()) -> tuple[str, ...]:
    """Return the parameters whose value comes to stand inside a JSON string.

    A value with `"`, with a backslash or with a control character would end that string or change in it.
    """
    if not _is_quoted(text, numbers):
        return ()
    return tuple(name for name in REFERENCE.findall(text) if name not in numbers)


def quoted_in(steps: Iterable[Json]) -> set[str]:
    """Return the parameters that stand inside the JSON strings of scripts' hyperparameters."""
    return {
        name
        for step in steps
        for value in _script_hyperparameters(step.get("Arguments", {}))
        for name in _within_quotes(value)
    }


def _script_hyperparameters(arguments: Json) -> Iterator[Any]:
    job = arguments.get("TrainingJobDefinition", arguments)
    values = job.get("HyperParameters") or job.get("StaticHyperParameters") or {}
    launched = "ContainerEntrypoint" in job.get("AlgorithmSpecification", {})
    return iter(values.values() if launched or "sagemaker_program" in values else ())


def _within_quotes(value: Any) -> Iterator[str]:
    parts = value.get("Std:Join", {}).get("Values", []) if isinstance(value, dict) else []
    if len(parts) < 3 or not all(isinstance(part, str) for part in (parts[0], parts[-1])):
        return
    if parts[0].startswith('"') and parts[-1].endswith('"'):
        yield from (name for part in parts if (name := parameter_of(part)) is not None)


def breaks_quotes(value: str) -> bool:
    """Tell whether a text cannot be put into a JSON string as it is."""
    return json.dumps(value, ensure_ascii=False) != f'"{value}"'


def _is_quoted(text: str, numbers: Collection[str]) -> bool:
    """Tell whether a text would arrive as something else, or be refused, unless it is a JSON string."""
    if whole_name(text) in numbers:
        return False
    match = OPEN.search(text)
    if match is not None:
        return _may_be_json(text[: match.start()]) or NOT_TAKEN.search(text) is not None
    return decoded(text) is not text or NOT_TAKEN.search(text) is not None


def _may_be_json(beginning: str) -> bool:
    """Tell whether a text that begins so, and goes on in an unknown way, can be JSON."""
    if not beginning or beginning[0] in BEGINNINGS:
        return True
    return any(word.startswith(beginning) for word in WORDS)
