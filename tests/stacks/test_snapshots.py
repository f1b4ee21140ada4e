"""Every template as a whole, with asset hashes masked.

`pytest tests/stacks --update-snapshots` accepts a change.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.stacks.synthesis import Synthesis

SNAPSHOTS = Path(__file__).parent / "snapshots"
HASH = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.mark.parametrize(
    ("fixture", "stack"),
    [
        ("agnostic", "Smp-Foundation"),
        ("agnostic", "Smp-Pipeline-churn"),
        ("agnostic", "Smp-Pipeline-prepare"),
        ("isolated", "Smp-production-Foundation"),
        ("isolated", "Smp-production-Pipeline-churn"),
        ("brought", "Smp-Foundation"),
        ("brought", "Smp-Pipeline-churn"),
        ("triggered", "Smp-Pipeline-churn"),
        ("targeted", "Smp-managed-Orchestration"),
        ("targeted", "Smp-hosted-Orchestration"),
        ("delivery", "Smp-Delivery"),
        ("delivery", "Smp-Delivery-us-east-1"),
    ],
)
def test_template_is_as_it_was(
    fixture: str, stack: str, request: pytest.FixtureRequest, update_snapshots: bool
) -> None:
    synthesis: Synthesis = request.getfixturevalue(fixture)
    template = json.dumps(synthesis.template(stack), indent=1) + "\n"
    found = HASH.sub("<hash>", template)
    kept = SNAPSHOTS / f"{fixture}.{stack}.json"
    if update_snapshots:
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(found, encoding="utf-8")
    assert found == kept.read_text(encoding="utf-8"), (
        "pytest tests/stacks --update-snapshots accepts the change"
    )
