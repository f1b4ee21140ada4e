"""Filters what is sent and what is kept of each record, and joins predictions with their input.

Source: "Associate Prediction Results with Input Records" in the developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .plan import CSV, JSON, Plan, format_of
from .selection import parse_selection, select


class Association:
    """The data processing of one transform job; where there is none, bytes pass as they are."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._format = format_of(plan.content_type) or JSON
        self._input = parse_selection(plan.input_filter)
        self._output = parse_selection(plan.output_filter)

    def to_send(self, record: bytes) -> bytes:
        """Return what is sent of a record; raises LookupError or ValueError."""
        if not self._input:
            return record
        form = self._format
        rows = [select(_read(row, form), self._input) for row in self._rows([record], form)]
        return self._written(rows, form)

    def to_keep(self, records: Sequence[bytes], response: bytes, content_type: str | None) -> bytes:
        """Return what the output object gets of a response; raises LookupError or ValueError."""
        if not self._plan.join and not self._output:
            return response
        form = format_of(self._plan.accept or content_type) or self._format
        if self._plan.join:
            values = self._joined(records, response, form)
        else:
            values = [_read(row, form) for row in self._rows([response], form)]
        return self._written([select(value, self._output) for value in values], form)

    def _joined(self, records: Sequence[bytes], response: bytes, form: str) -> list[Any]:
        if (form == CSV) != (self._format == CSV):
            raise ValueError(f"input in {self._format} cannot be joined with results in {form}")
        sources = self._rows(records, self._format)
        alone = len(sources) == 1 and form != CSV
        results = [response] if alone else self._rows([response], form)
        if len(results) != len(sources):
            raise ValueError(
                f"the model returned {len(results)} results for {len(sources)} records; "
                "to be joined, it must return one line for each"
            )
        pairs = zip(sources, results)  # noqa: B905  before Python 3.10 it has no strict
        return [_join(_read(source, form), _read(result, form)) for source, result in pairs]

    def _is_whole(self, form: str) -> bool:
        """Whether an object is one JSON document and not lines."""
        return form == JSON and self._plan.split == "None"

    def _rows(self, parts: Sequence[bytes], form: str) -> list[bytes]:
        if self._is_whole(form):
            return list(parts)
        lines = (line.rstrip(b"\r") for part in parts for line in part.split(b"\n"))
        return [line for line in lines if line]

    def _written(self, values: list[Any], form: str) -> bytes:
        texts = [_csv_text(value) if form == CSV else _json_text(value) for value in values]
        text = "".join(texts) if self._is_whole(form) else "".join(f"{text}\n" for text in texts)
        return text.encode("utf-8", "surrogateescape")


def _join(source: Any, result: Any) -> Any:
    """Join as the service does: CSV rows end to end, JSON under SageMakerOutput."""
    if isinstance(source, Row):
        return Row([*source, *result])
    if isinstance(source, dict):
        return {**source, "SageMakerOutput": result}
    return {"SageMakerInput": source, "SageMakerOutput": result}


class Row(list):  # type: ignore[type-arg]  # before Python 3.9 a list takes none
    """The fields of a CSV record as they were written, quotes and all."""


def _read(row: bytes, form: str) -> Any:
    text = row.decode("utf-8", "surrogateescape")
    if form == CSV:
        return Row(_fields(text))
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error


def _fields(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    fields: list[str] = []
    pending = ""
    for piece in text.split(","):
        pending = f"{pending},{piece}" if pending else piece
        if pending.count('"') % 2 == 0:
            fields.append(pending)
            pending = ""
    return [*fields, pending] if pending else fields


def _csv_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
