"""Reads metrics from a job's log lines, by its metric definitions or as built-in algorithms write them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

MAX_VALUES = 10_000

REPORTED = re.compile(
    r"#quality_metric: host=\S+,(?: epoch=\d+,)?(?: batch=\d+,?)? (\S+) (\S+) <(?:loss|score)>=(\S+)"
)
"""A line such as `#quality_metric: host=algo-1, test rmse <loss>=0.9`, the value of `test:rmse`."""


class MetricScraper:
    """Collects `{"name", "value", "time"}` in `found`, at most 10,000 values a job.

    `reports` says that the job writes its metrics as SageMaker's built-in algorithms do.
    """

    def __init__(
        self,
        definitions: Sequence[Mapping[str, str]],
        found: list[Mapping[str, Any]],
        *,
        reports: bool = False,
    ) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._found = found
        self._reports = reports

    def read(self, line: str) -> None:
        """Take every metric that a line holds.

        The first group of the expression is the value; there is none where it takes no part.
        """
        for name, pattern in self._patterns:
            match = pattern.search(line)
            if match is not None:
                self._take(name, match.group(1) if match.groups() else match.group(0))
        reported = REPORTED.search(line) if self._reports else None
        if reported is not None:
            channel, metric, value = reported.groups()
            self._take(f"{channel}:{metric}", value)

    def _take(self, name: str, text: str | None) -> None:
        if text is None:
            return
        try:
            value = float(text)
        except ValueError:
            return
        if len(self._found) < MAX_VALUES:
            self._found.append({"name": name, "value": value, "time": time.time()})

    def final(self) -> list[dict[str, Any]]:
        """Return the last value of each metric, as DescribeTrainingJob has them."""
        last = {item["name"]: item for item in self._found}
        return [
            {"MetricName": name, "Value": item["value"], "Timestamp": item["time"]}
            for name, item in last.items()
        ]
