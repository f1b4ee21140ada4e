"""The default input_fn and output_fn, with NumPy and without."""

from __future__ import annotations

import io
import sys

import pytest

from smp.local.serving.container.encoding import UnsupportedError, decode, encode

numpy = pytest.importorskip("numpy")


def test_arrays_go_through_every_format() -> None:
    array = numpy.array([[1.5, 2.0], [3.0, 4.0]])
    for accept in ("application/json", "text/csv", "application/x-npy"):
        body = encode(array, accept)
        assert (decode(body, f"{accept}; charset=utf-8") == array).all()


def test_a_csv_line_alone_is_a_row_as_in_the_toolkit() -> None:
    assert decode("1,2", "text/csv").tolist() == [1.0, 2.0]


def test_without_numpy_lists_stand_for_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert decode("1,2\n3,4\n", "text/csv") == [[1.0, 2.0], [3.0, 4.0]]
    assert decode("[1, 2]", "application/json") == [1, 2]
    assert encode([[1, 2], [3, 4]], "text/csv") == b"1,2\n3,4\n"
    assert encode([0.5, 1], "text/csv") == b"0.5\n1\n"
    assert encode({"a": 1}, "application/json") == b'{"a": 1}'
    with pytest.raises(UnsupportedError):
        decode(b"", "application/x-npy")


def test_numbers_inside_json_may_be_numpys() -> None:
    assert encode({"a": numpy.float64(0.5), "b": numpy.arange(2)}, "application/json") == (
        b'{"a": 0.5, "b": [0, 1]}'
    )


def test_fails_on_types_that_it_does_not_know() -> None:
    with pytest.raises(UnsupportedError) as raised:
        decode("x", "image/png")
    assert raised.value.status == 415
    with pytest.raises(UnsupportedError) as raised:
        encode([1], "image/png")
    assert raised.value.status == 406
    with pytest.raises(TypeError, match="a set cannot be written as JSON; write an output_fn"):
        encode({1}, "application/json")


def test_fails_on_a_pickle_in_an_npy_body() -> None:
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        decode(buffer.getvalue(), "application/x-npy")
