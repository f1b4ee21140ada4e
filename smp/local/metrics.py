"""Reads metrics from a job's log lines by the regular expressions of its metric definitions.

It never reads a file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

MAX_VALUES = 10_000


class MetricScraper:
    """Collects `{"name", "value", "time"}` in `found`, at most 10,000 values a job."""

    def __init__(
        self, definitions: Sequence[Mapping[str, str]], found: list[Mapping[str, Any]]
    ) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._found = found

    def read(self, line: str) -> None:
        """Take every metric that a line holds; the first group of the expression is the value."""
        for name, pattern in self._patterns:
            match = pattern.search(line)
            if match is None or len(self._found) >= MAX_VALUES:
                continue
            try:
                value = float(match.group(1) if match.groups() else match.group(0))
            except ValueError:
                continue
            self._found.append({"name": name, "value": value, "time": time.time()})

    def final(self) -> list[dict[str, Any]]:
        """Return the last value of each metric, as DescribeTrainingJob has them."""
        last = {item["name"]: item for item in self._found}
        return [
            {"MetricName": name, "Value": item["value"], "Timestamp": item["time"]}
            for name, item in last.items()
        ]
