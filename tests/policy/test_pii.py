"""Personal data: found in the forms that people write, believed where the checksum is right."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.condition import PiiKind
from router.policy.decision import Facts
from router.policy.evidence import Evidence
from router.policy.matching import MAX_CANDIDATES
from router.policy.pii import has_pii
from router.policy.words import Words

KINDS: tuple[PiiKind, ...] = get_args(PiiKind)


def found(text: str) -> set[PiiKind]:
    said = Words([{"role": "user", "content": text}])
    evidence = Evidence(Facts(headers={}, needs=frozenset(), prompt_tokens=1, words=said), None)
    return {kind for kind in KINDS if evidence.pii([kind])}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to anna.meier+x@mail.example.ch, please", "email"),
        ("jörg@müller.example", "email"),
        ("IBAN DE89 3704 0044 0532 0130 00 bitte", "iban"),
        ("ch9300762011623852957", "iban"),
        ("GB29-NWBK-6016-1331-9268-19", "iban"),
        ("my card 4111 1111 1111 1111 12/27 cvv 123", "card"),
        ("378282246310005", "card"),
        ("5555-5555-5555-4444", "card"),
        ("call +41 44 668 18 00", "phone"),
        ("0049 30 901820", "phone"),
        ("(555) 123-4567", "phone"),
        ("044 668 18 00", "phone"),
        ("from 192.168.1.10", "ip"),
        ("2001:db8::8a2e:370:7334", "ip"),
        ("756.9217.0769.85", "national_id"),
        ("SSN 536-90-4399", "national_id"),
        ("RSSMRA85T10A562S", "national_id"),
        ("1 85 05 78 006 084 91", "national_id"),
        ("390.533.447-05", "national_id"),
        ("86095742719", "national_id"),
        ("AB 12 34 56 C", "national_id"),
    ],
)
def test_what_people_write_is_found(text: str, kind: PiiKind):
    """Blanks, dots and dashes hide nothing, nor does what stands around it."""
    assert kind in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "what is 2+2?",
        "4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00 and no phone"[:10],
        "std::vector<int> x :: Int at 12:30:45",
        "order 4521 of 12.03.2024, 1299.00 EUR, 2026-11-23 10:00",
        "version 1.2.3, pi is 3.14159265358979",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
        "localhost is 127.0.0.1",
        "ping @anna about this",
    ],
)
def test_what_is_none_is_not_found(text: str):
    """Dates, amounts, versions, code and wrong checksums are no personal data."""
    assert found(text) == set()


def test_a_flood_of_candidates_counts_as_a_hit():
    """A text with more numbers than anyone checks is held back, and searching it stays quick."""
    assert has_pii("card", b"1234 5678 " * MAX_CANDIDATES)


@given(st.text(alphabet="0123456789 .-+@:ab", max_size=200))
def test_no_text_upsets_the_search(text: str):
    """Whatever stands in the text, the answer is yes or no."""
    assert found(text) <= set(KINDS)


@given(
    st.one_of(
        st.text(alphabet="0123456789 .-+@:/()abF", max_size=100),
        st.ip_addresses().map(str),
        st.ip_addresses(v=6).map(lambda address: address.exploded),
    ),
    st.text(alphabet=" :.a1", max_size=3),
)
def test_the_quick_look_hides_nothing_from_the_thorough_one(inner: str, edge: str):
    """What a search without the quick look finds is found with it too."""
    text = edge + inner + edge
    assert {kind for kind in KINDS if has_pii(kind, text.encode())} == found(text)
