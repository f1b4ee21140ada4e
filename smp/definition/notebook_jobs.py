"""The steps of a definition that run a notebook."""

from __future__ import annotations

import json
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json

ENTRY_POINT = "amazon_sagemaker_scheduler"
"""The program of SageMaker's images that runs notebooks; a job that begins with it is a notebook job."""


def is_notebook_job(step: Json) -> bool:
    """Whether a step of a definition is the training job of a notebook."""
    specification = step.get("Arguments", {}).get("AlgorithmSpecification")
    return (
        step["Type"] == "Training"
        and isinstance(specification, dict)
        and specification.get("ContainerEntrypoint") == [ENTRY_POINT]
    )


def language_of(pipeline: CompiledPipeline, step: Json) -> str:
    """Return the language that the notebook of a step declares; Python if it declares none."""
    uri = step["Arguments"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    name = step["Arguments"]["Environment"]["SM_INPUT_NOTEBOOK_NAME"]
    path = pipeline.code_store / str(uri).rstrip("/").rpartition("/")[2] / name
    metadata: Any = json.loads(path.read_text("utf-8")).get("metadata", {})
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get(
        "language"
    )
    return str(language or "python").lower()
