"""Filtering and joining of records, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.local.serving.container.association import Association
from smp.local.serving.container.plan import Plan


def association(**settings: Any) -> Association:
    given = {"content_type": "text/csv", "split": "Line", **settings}
    return Association(Plan(input="", output="", **given))


def test_passes_bytes_as_they_are_without_filters() -> None:
    plain = association(content_type="image/png")
    assert plain.to_send(b"\xff\x00") == b"\xff\x00"
    assert plain.to_keep([b"\xff"], b"\xfe", None) == b"\xfe"


def test_keeps_quotes_line_ends_and_odd_bytes_of_csv_fields() -> None:
    joined = association(join=True, input_filter="$[1:]")
    record = b'"a, ""b""",1,\xff\r\n'
    assert joined.to_send(record) == b"1,\xff\n"
    assert joined.to_keep([record], b"0.5\r\n", None) == b'"a, ""b""",1,\xff,0.5\n'


def test_the_answers_own_content_type_decides_where_the_request_names_none() -> None:
    kept = association(output_filter="$.score").to_keep([b"1"], b'{"score": 2}', "application/json")
    assert kept == b"2\n"


def test_rows_of_an_object_that_is_not_split_are_joined_one_by_one() -> None:
    joined = association(split="None", join=True, output_filter="$[-1,0]")
    assert joined.to_keep([b"1,2\n3,4\n"], b"a\nb\n", None) == b"a,1\nb,3\n"


def test_a_single_json_answer_may_have_several_lines() -> None:
    joined = association(content_type="application/json", join=True)
    assert joined.to_keep([b"[1]\n"], b'{\n "a": 1\n}\n', None) == (
        b'{"SageMakerInput":[1],"SageMakerOutput":{"a":1}}\n'
    )


@pytest.mark.parametrize(
    ("response", "reason"),
    [(b"1\n2\n", "the model returned 2 results for 1 records"), (b"", "returned 0 results for 1")],
)
def test_fails_where_records_and_results_do_not_pair(response: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        association(join=True).to_keep([b"1\n"], response, None)


def test_fails_on_an_answer_in_another_format() -> None:
    joined = association(content_type="application/json", join=True)
    with pytest.raises(ValueError, match="it is not JSON"):
        joined.to_keep([b"{}\n"], b"0.5\n0.6", None)
    with pytest.raises(ValueError, match="input in JSON cannot be joined with results in CSV"):
        joined.to_keep([b"{}\n"], b"0.5\n", "text/csv")


FIELD = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters=',"\r\n'), max_size=5),
    st.text(st.characters(codec="utf-8", exclude_characters='"\r\n'), max_size=5).map(
        lambda text: f'"{text}""{text}"'
    ),
)


@given(st.lists(FIELD, min_size=2, max_size=6), st.integers(0, 5))
def test_a_csv_field_is_selected_as_it_was_written(fields: list[str], index: int) -> None:
    index %= len(fields)
    line = ",".join(fields).encode() + b"\n"
    kept = association(output_filter=f"$[{index}]").to_keep([line], line, None)
    assert kept == fields[index].encode() + b"\n"
