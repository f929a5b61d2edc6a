"""Strict JSON at the edge."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.body import parse_object
from router.errors import InvalidJson

REFUSED = {
    "empty": b"",
    "truncated": b'{"model": "auto", "mess',
    "an array": b"[]",
    "NaN": b'{"temperature": NaN}',
    "minus infinity": b'{"temperature": -Infinity}',
    "a float beyond range": b'{"temperature": 1e999}',
    "a 5,000-digit integer": b'{"n": ' + b"1" * 5000 + b"}",
    "duplicate keys": b'{"model": "a", "model": "b"}',
    "duplicate keys inside": b'{"a": [{"b": 1, "b": 2}]}',
    "UTF-16": '{"model": "auto"}'.encode("utf-16"),
    "invalid UTF-8": b'{"model": "\xff"}',
    "a lone surrogate": b'{"model": "\\ud800"}',
    "100,000 levels": b"[" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_rows_1_to_3_malformed_json_is_refused(raw: bytes):
    """Whatever two parsers could read differently is a 400, at once and without an echo."""
    started = time.process_time()
    with pytest.raises(InvalidJson) as caught:
        parse_object(raw)
    assert time.process_time() - started < 0.5
    assert len(caught.value.message) < 120


def test_surrogate_pairs_are_text():
    """A pair of escapes that makes one character is legal JSON."""
    assert parse_object(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8)
    )
)
def test_what_json_writes_is_read_back(value: dict[str, object]):
    """Every object that Python's own encoder writes is accepted unchanged."""
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_clean_refusal(raw: bytes):
    """No bytes make the parser raise anything else."""
    try:
        assert isinstance(parse_object(raw), dict)
    except InvalidJson as error:
        assert error.status == 400
