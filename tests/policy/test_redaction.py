"""Text that is kept: nothing personal that we can find is left in it, and what is harmless stays."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.condition import PiiKind
from router.policy.pii import has_pii
from router.policy.redaction import redacted

PERSONAL = [
    "anna.meier+x@mail.example.ch",
    "jörg@müller.example",
    "DE89 3704 0044 0532 0130 00",
    "GB29-NWBK-6016-1331-9268-19",
    "4111 1111 1111 1111",
    "378282246310005",
    "+41 44 668 18 00",
    "(555) 123-4567",
    "192.168.1.10",
    "2001:db8::8a2e:370:7334",
    "756.9217.0769.85",
    "RSSMRA85T10A562S",
    "1 85 05 78 006 084 91",
    "AB 12 34 56 C",
]


@pytest.mark.parametrize("secret", PERSONAL)
def test_personal_data_is_taken_out(secret: str):
    """What a person wrote around it stays, and it is gone."""
    kept = redacted(f"Please help: {secret}, today")
    assert kept is None or (secret not in kept and kept.startswith("Please help") and kept.endswith("today"))


@pytest.mark.parametrize(
    "text", ["what is 2+2?", "def f(a): return a[::2]", "std::vector<int> v;", "at 12:30", "Größe 42"]
)
def test_what_is_harmless_stays(text: str):
    """Small numbers, code and times name nobody."""
    assert redacted(text) == text


@given(
    st.lists(st.one_of(st.sampled_from(PERSONAL), st.text(max_size=30)), max_size=6), st.sampled_from(["", " ", ","])
)
def test_nothing_that_is_found_is_left(parts: list[str], between: str):
    """Whatever stands beside whatever: the text is free of it, or is not kept."""
    kept = redacted(between.join(parts))
    assert kept is None or not [kind for kind in get_args(PiiKind) if has_pii(kind, kept.encode())]
