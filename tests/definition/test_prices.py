"""The price file: read as it is, refused with its place where it is not whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.definition.prices import Prices, load_prices
from smp.errors import SetupError

GOOD: dict[str, Any] = {
    "retrieved": "2026-11-20T10:00:00Z",
    "region": "eu-west-1",
    "currency": "USD",
    "per_hour": {"training": {"ml.m5.xlarge": 0.257}, "processing": {}},
}


def test_prices_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text(json.dumps(GOOD))
    prices = load_prices(tmp_path)
    assert isinstance(prices, Prices)
    assert prices.of("training", "ml.m5.xlarge") == 0.257
    assert prices.of("processing", "ml.m5.xlarge") is None
    assert prices.of("transform", "ml.m5.xlarge") is None
    assert prices.source == "eu-west-1, 2026-11-20"


def test_a_workspace_without_a_file_has_none(tmp_path: Path) -> None:
    assert load_prices(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "lacks one of: retrieved, region, currency"),
        (json.dumps({**GOOD, "currency": 1}), "lacks one of"),
        (json.dumps({**GOOD, "per_hour": []}), "needs `per_hour`"),
        (json.dumps({**GOOD, "per_hour": {"training": {"a": -1}}}), "needs `per_hour`"),
        (json.dumps({**GOOD, "per_hour": {"training": {"a": True}}}), "needs `per_hour`"),
        (json.dumps({**GOOD, "per_hour": {"training": {"a": float("inf")}}}), "needs `per_hour`"),
    ],
)
def test_fails_on_a_file_that_is_not_whole(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text(text)
    with pytest.raises(SetupError, match=reason) as caught:
        load_prices(tmp_path)
    assert "smp prices refresh" in str(caught.value)
