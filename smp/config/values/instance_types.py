"""Which instance types each kind of job takes, from the service's own model.

It reads the one file of botocore that lists them, only when asked, and never imports botocore.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Literal

from smp.errors import SetupError

InstanceKind = Literal[
    "ProcessingInstanceType",
    "TrainingInstanceType",
    "TransformInstanceType",
    "ProductionVariantInstanceType",
]
"""Names of enumerations in botocore's model of SageMaker."""


@cache
def instance_types(kind: InstanceKind) -> tuple[str, ...]:
    """Return the instance types that a kind of job takes, sorted. Raises SetupError."""
    text = _service_model()
    mark = f'"{kind}":'
    start = text.find(mark)
    while start >= 0:
        shape, _ = json.JSONDecoder().raw_decode(text, start + len(mark))
        if isinstance(shape, dict) and "enum" in shape:
            return tuple(sorted(shape["enum"]))
        start = text.find(mark, start + 1)
    raise SetupError(f"botocore's model of SageMaker does not list {kind}: check its version")


@cache
def _service_model() -> str:
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise SetupError("botocore is not installed: install the requirements")
    versions = Path(spec.origin).parent.glob("data/sagemaker/*/service-2.json*")
    newest = max(versions, default=None)
    if newest is None:
        raise SetupError("botocore has no model of SageMaker: check its installation")
    data = newest.read_bytes()
    return (gzip.decompress(data) if newest.suffix == ".gz" else data).decode()
