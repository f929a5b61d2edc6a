"""Reading a refusal: its words, its wait, and what must not be repeated."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.failures import Complaint, error_for, error_in_stream, read_complaint, retry_after
from router.errors import ContextLengthExceeded, RouterError, UpstreamInvalid
from tests.fakes.chats import model

KEY = "sk-canary-0003"
CONFIG = model(key=KEY)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(KEY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "message", "type", "code", "param", "detail"]), inner),
    max_leaves=10,
)  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are understood; nonsense is no wait at all."""
    assert seconds == retry_after(headers)


def test_retry_after_as_a_date() -> None:
    """A date in the future is the time until then."""
    moment = datetime.now(UTC) + timedelta(seconds=60)
    assert 55 < (retry_after({"retry-after": format_datetime(moment, usegmt=True)}) or 0) <= 60


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "a"}}, "a"),
        ({"error": "a"}, "a"),
        ({"detail": "a"}, "a"),
        ({"object": "error", "message": "a"}, "a"),
        ("a", "a"),
        ({"error": {"message": None}}, ""),
        (None, ""),
    ],
)
def test_shapes_of_errors(body: object, message: str) -> None:
    """OpenAI's envelope and the shapes of other servers are read alike."""
    assert message == read_complaint(body, CONFIG).message


@pytest.mark.parametrize(
    "complaint",
    [
        Complaint("x", code="context_length_exceeded"),
        Complaint("x", type="exceed_context_size_error"),
        Complaint("This model's maximum context length is 8192 tokens."),
        Complaint("the request exceeds the available context size"),
        Complaint("prompt is too long: 210000 tokens > 200000 maximum"),
    ],
)
def test_row_23_the_words_of_other_servers(complaint: Complaint) -> None:
    """OpenAI, llama-server, vLLM and Anthropic each say it in their own way."""
    assert ContextLengthExceeded is type(error_for(400, complaint, CONFIG))


@pytest.mark.parametrize("status", [-1, 0, 100, 200, 299, 304, 600, 999])
def test_odd_statuses(status: int) -> None:
    """A status that is no failure class of its own is an invalid answer."""
    assert UpstreamInvalid is type(error_for(status, Complaint(), CONFIG))


@given(status=st.integers(0, 999), body=json_values)
def test_row_22_no_body_breaks_it_or_leaks_the_key(status: int, body: object) -> None:
    """Whatever a target says, the result is one bounded error without our key, never with a 401 for the caller."""
    for error in (error_for(status, read_complaint(body, CONFIG), CONFIG), error_in_stream(body, CONFIG)):
        assert isinstance(error, RouterError)
        assert 400 <= error.status < 600
        assert error.status not in {401, 403}
        assert len(error.message) <= 300
        assert KEY not in f"{error.message} {error.code} {error.param}"
