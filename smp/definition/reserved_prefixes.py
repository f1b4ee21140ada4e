"""Prefixes of the project's bucket that only a deployment writes to.

Jobs run the scripts that lie there by their address: nothing compares their content at run time.
"""

from __future__ import annotations

from smp.definition.compiled import CODE_PREFIX
from smp.definition.deploy_values import BUCKET

DEFINITION_PREFIX = "definitions"
RESERVED = (CODE_PREFIX, DEFINITION_PREFIX)
RESERVED_WORDS = ", ".join(f"{prefix}/" for prefix in RESERVED)


def reserved_prefix(uri: str) -> str | None:
    """Return the reserved prefix that an S3 URI is in; None if it is in none."""
    key = uri.removeprefix(f"s3://{BUCKET}/").lstrip("/") if uri.startswith("s3://") else ""
    if not uri.startswith(f"s3://{BUCKET}/"):
        return None
    return next((one for one in RESERVED if f"{key}/".startswith(f"{one}/")), None)
