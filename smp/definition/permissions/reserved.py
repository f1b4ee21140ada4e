"""Refuses jobs that could write to the prefixes of a deployment, see `smp.definition.reserved_prefixes`."""

from __future__ import annotations

from collections.abc import Iterator

from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import BUCKET
from smp.definition.permissions.access import written_uris
from smp.definition.reserved_prefixes import RESERVED, RESERVED_WORDS, reserved_prefix
from smp.errors import Problem


def check_reserved(compiled: CompiledPipeline) -> Iterator[tuple[str, Problem]]:
    """Yield each step whose job could write to a reserved prefix, with the problem."""
    parameters = {item["Name"]: item for item in compiled.definition.get("Parameters", [])}
    for step in compiled.steps():
        for uri in written_uris(step, parameters):
            if problem := _problem(uri):
                yield step["Name"], problem


def _problem(uri: str) -> Problem | None:
    if reserved_prefix(uri):
        place = uri.removesuffix("*")
        reason = f"would write to {place}, where the scripts and definitions of all pipelines are"
        return Problem(reason, allowed=f"a prefix other than {RESERVED_WORDS}")
    if _may_become_reserved(uri):
        return Problem(
            "would write to a prefix of the project's bucket that only a parameter knows: it could be "
            f"one of {RESERVED_WORDS}, which have the scripts of all pipelines",
            hint="begin the prefix with a fixed directory: s3://SMP_S3BUCKETNAME/data/${parameters.NAME}",
        )
    return None


def _may_become_reserved(uri: str) -> bool:
    """Whether a URI is known only up to a point from which a reserved prefix can follow."""
    known = uri.removesuffix("*")
    if known.rstrip("/") == f"s3://{BUCKET}":
        return True
    return uri.endswith("*") and any(f"s3://{BUCKET}/{one}/".startswith(known) for one in RESERVED)
