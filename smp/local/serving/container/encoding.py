"""The default `input_fn` and `output_fn`: JSON, CSV and NPY, as arrays where NumPy is installed.

They do what those of the SageMaker inference toolkit do; without NumPy, lists stand for arrays. It
never loads a pickle.
"""

from __future__ import annotations

import io
import json
from typing import Any

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
TEXTS = (JSON, CSV)
"""Content types whose body a handler gets as `str` and not as `bytes`."""


class UnsupportedError(Exception):
    """A content type that the default functions do not know; `status` is the HTTP answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def decode(body: str | bytes, content_type: str) -> Any:
    """Read a request's body."""
    kind = mime_type(content_type)
    numpy = _numpy()
    if kind == JSON:
        value = json.loads(body)
        return value if numpy is None else numpy.array(value)
    if kind == CSV:
        text = body if isinstance(body, str) else body.decode("utf-8")
        if numpy is None:
            return [[float(cell) for cell in line.split(",")] for line in text.split()]
        return numpy.genfromtxt(io.StringIO(text), dtype=numpy.float32, delimiter=",")
    if kind == NPY and numpy is not None and isinstance(body, bytes):
        return numpy.load(io.BytesIO(body), allow_pickle=False)
    raise UnsupportedError(
        415, f"the default input_fn cannot read {content_type or 'no content type'}"
    )


def encode(prediction: Any, accept: str) -> bytes:
    """Write a prediction."""
    kind = mime_type(accept)
    numpy = _numpy()
    if kind == JSON:
        return json.dumps(prediction, default=_plain).encode()
    if kind == CSV:
        if numpy is None:
            return "".join(f"{_csv_line(row)}\n" for row in prediction).encode()
        stream = io.StringIO()
        numpy.savetxt(stream, prediction, delimiter=",", fmt="%s")
        return stream.getvalue().encode()
    if kind == NPY and numpy is not None:
        buffer = io.BytesIO()
        numpy.save(buffer, prediction, allow_pickle=False)
        return buffer.getvalue()
    raise UnsupportedError(406, f"the default output_fn cannot write {accept}")


def mime_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return content_type.split(";")[0].strip().lower()


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def _plain(value: Any) -> Any:
    """Return the list or number of an array, for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON; write an output_fn")


def _csv_line(row: Any) -> str:
    return ",".join(map(str, row)) if isinstance(row, (list, tuple)) else str(row)
