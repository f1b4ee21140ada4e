"""The workspace's price file: what an instance-hour costs, of one region, with the day it was asked for.

A price that is not in the file is not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smp.errors import Location, Problem, SetupError

PRICE_FILE = "prices.json"
REFRESH = "write the file anew with `smp prices refresh`"


@dataclass(frozen=True)
class Prices:
    """Prices of an instance-hour by kind of job (`training`, `processing`, `transform`) and type."""

    retrieved: str
    region: str
    currency: str
    per_hour: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, job: str, instance_type: str) -> float | None:
        """Return the price of an hour; None if the file does not have it."""
        return self.per_hour.get(job, {}).get(instance_type)

    @property
    def source(self) -> str:
        """The day and region, as a review names them."""
        return f"{self.region}, {self.retrieved[:10]}"


def load_prices(workspace: Path) -> Prices | None:
    """Return the workspace's prices, None where it has no price file; raises SetupError."""
    path = workspace / PRICE_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, f"cannot be read: {error}") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _refused(path, f"is not JSON: {error}") from error
    return _prices(path, value)


def _prices(path: Path, value: Any) -> Prices:
    texts = ("retrieved", "region", "currency")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in texts):
        raise _refused(path, f"lacks one of: {', '.join(texts)}")
    per_hour = value.get("per_hour")
    if not isinstance(per_hour, dict) or not all(map(_is_price_list, per_hour.values())):
        raise _refused(path, "needs `per_hour`: a price of zero or more by job and instance type")
    prices = {
        job: {kind: float(price) for kind, price in by.items()} for job, by in per_hour.items()
    }
    return Prices(value["retrieved"], value["region"], value["currency"], prices)


def _is_price_list(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(price, int | float) and not isinstance(price, bool) and 0 <= price < float("inf")
        for price in value.values()
    )


def _refused(path: Path, reason: str) -> SetupError:
    return SetupError([Problem(reason, Location(str(path)), hint=REFRESH)])
