"""The service's limits on a whole definition."""

from __future__ import annotations

import json
from collections.abc import Iterator

from smp.definition.compiled import CompiledPipeline
from smp.errors import Problem

MAX_DEFINITION_CHARACTERS = 1_048_576
"""CreatePipeline.PipelineDefinition (botocore 1.44.5)."""
MAX_PARAMETERS = 200
MAX_PARAMETER_CHARACTERS = 1024
"""StartPipelineExecution.PipelineParameters, and Parameter.Value (botocore 1.44.5)."""


def check_limits(compiled: CompiledPipeline) -> Iterator[Problem]:
    """Yield a problem for each limit that a definition is over."""
    size = len(json.dumps(compiled.definition, separators=(",", ":"), ensure_ascii=False))
    if size > MAX_DEFINITION_CHARACTERS:
        yield Problem(
            f"the definition has {size:,} characters",
            allowed=f"{MAX_DEFINITION_CHARACTERS:,} (CreatePipeline)",
            hint="split the pipeline in two",
        )
    parameters = compiled.definition.get("Parameters", [])
    if len(parameters) > MAX_PARAMETERS:
        yield Problem(f"it has {len(parameters)} parameters", allowed=f"{MAX_PARAMETERS}")
    for parameter in parameters:
        length = len(str(parameter.get("DefaultValue", "")))
        if length > MAX_PARAMETER_CHARACTERS:
            yield Problem(
                f"the default of parameter '{parameter['Name']}' has {length:,} characters",
                allowed=f"{MAX_PARAMETER_CHARACTERS:,}",
            )
