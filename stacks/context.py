"""Reads the CDK context, as the CDK's command line passes it or, without it, as cdk.json has it.

It never imports the CDK: it decides whether anything changed before the CDK is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smp.errors import Location, Problem, SetupError

CDK_JSON = "cdk.json"
SETTINGS_KEY = "smp"
OVERFLOW_VARIABLE = "CONTEXT_OVERFLOW_LOCATION"
"""Names a file with the rest of a context that is too large for an environment variable."""

Context = dict[str, Any]


def read_context(workspace: Path, environ: Mapping[str, str]) -> Context:
    """Return the context of cdk.json with what the command line passes on top of it.

    Raises SetupError for text that is not JSON.
    """
    file = workspace / CDK_JSON
    written = _parse(file.read_text("utf-8") if file.is_file() else "{}", CDK_JSON)
    context: Context = dict(written.get("context", {}))
    context |= _parse(environ.get("CDK_CONTEXT_JSON", "{}"), "CDK_CONTEXT_JSON")
    overflow = environ.get(OVERFLOW_VARIABLE)
    if overflow:
        context |= _parse(Path(overflow).read_text("utf-8"), overflow)
    return context


def config_pattern(context: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """Return the pattern of model files: of the environment, else of the settings, else None."""
    settings = context.get(SETTINGS_KEY)
    written = settings.get("modelConfigs") if isinstance(settings, dict) else None
    pattern = environ.get("SMP_MODEL_CONFIGPATH", "").strip() or written
    return pattern if isinstance(pattern, str) else None


def _parse(text: str, name: str) -> Context:
    try:
        value = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        column = getattr(error, "colno", 0)
        place = Location(name, line, column)
        raise SetupError([Problem(f"is not JSON: {error}", place)]) from error
    if not isinstance(value, dict):
        raise SetupError([Problem("must be a JSON object", Location(name))])
    return value
