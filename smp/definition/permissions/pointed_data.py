"""What files among a pipeline's code point to: manifests of inputs, and configurations of analyses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import CLARIFY_CHECK, row_of

CODE_OBJECT = re.compile(r"^s3://\$\{smp:bucket\}/code/(?P<sha256>[0-9a-f]{64})/(?P<path>.+)$")


def pointed_data(pipeline: CompiledPipeline) -> list[str]:
    """Return the S3 URIs of the data that such files name, with deploy-time names."""
    prefixes: list[str] = []
    for head, *names in _contents(pipeline, _manifests(pipeline.definition["Steps"])):
        prefixes += [head["prefix"] + name for name in names]
    for analysis in _contents(pipeline, _analyses(pipeline)):
        baseline = analysis["methods"].get("shap", {}).get("baseline")
        prefixes += [baseline] if isinstance(baseline, str) else []
    return prefixes


def _contents(pipeline: CompiledPipeline, uris: Iterable[str]) -> Iterator[Any]:
    """Yield the content of each file that lies among the pipeline's code."""
    for match in map(CODE_OBJECT.match, uris):
        if match:
            file = pipeline.code_store / match["sha256"] / match["path"]
            yield json.loads(file.read_text("utf-8"))


def _manifests(value: Any) -> Iterator[str]:
    """Yield the URI of each input that is a list of objects instead of data."""
    if isinstance(value, dict):
        if value.get("S3DataType") == "ManifestFile" and isinstance(value.get("S3Uri"), str):
            yield value["S3Uri"]
        for item in value.values():
            yield from _manifests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _manifests(item)


def _analyses(pipeline: CompiledPipeline) -> Iterator[str]:
    """Yield the URI of each configuration of an analysis by SageMaker Clarify."""
    for step in pipeline.steps():
        inputs = step["Arguments"]["ProcessingInputs"] if row_of(step) is CLARIFY_CHECK else []
        yield from (
            item["S3Input"]["S3Uri"] for item in inputs if item["InputName"] == "analysis_config"
        )
