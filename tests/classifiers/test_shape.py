"""The shape of a prompt and the courtesies that are taken off before anything is counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.reading import read
from classifiers.shape import BOUND, HINGE, LINEAR, OPEN, OPTIONS, SHAPE, WORD_PROBLEM, bend, shape

EXAM = "Which planet is the largest?\nA. Mars\nB. Jupiter\nC. Venus\nD. Mercury\nAnswer:"
SUM = "Anna has 12 apples and buys 30 more at the market every day. How many apples does she have after 4 days?"
PLACES = {name: place for place, (name, _) in enumerate(SHAPE)}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [(EXAM, OPTIONS), (SUM, WORD_PROBLEM), ("Write a poem about rain.", OPEN), ("What is 2+2?", OPEN)],
)
def test_forms(prompt: str, expected: int):
    """Options make an exam question, a paragraph that asks for an amount a word problem; the rest is open."""
    assert expected == shape(read(prompt)).form


def test_numbers_of_a_word_problem():
    """Numbers are counted and the largest is kept as its order of magnitude."""
    numbers = shape(read(SUM)).numbers
    assert pytest.approx(np.log1p(3)) == numbers[PLACES["numbers"]]
    assert pytest.approx(np.log10(31)) == numbers[PLACES["largest_number"]]
    assert numbers[PLACES["question"]] == 1.0


@given(st.text(max_size=300))
def test_any_text_has_a_finite_shape(text: str):
    """Every text has as many numbers as are named, all finite."""
    numbers = shape(read(text)).numbers
    assert len(SHAPE) == len(numbers)
    assert np.isfinite(numbers).all()


@given(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3))
def test_bends_are_bounded(values: list[float]):
    """However far a number lies outside of what was seen, it counts no more than the bound."""
    scales = np.array([[0.0] * 3, [1.0] * 3, [-0.5] * 3, [0.5] * 3])
    assert np.abs(bend(np.array(values), scales)).max() <= BOUND * max(LINEAR, HINGE)


@pytest.mark.parametrize(
    ("polite", "expected"),
    [
        ("Could you please sort this list", "sort this list"),
        ("What is the time? Thanks!", "what is the time?"),
        ("Bitte erkläre das", "erkläre das"),
        ("Hello, please summarise the text. Thank you very much.", "summarise the text."),
        ("hi there", "hi there"),
        ("Danke", "danke"),
    ],
)
def test_courtesies(polite: str, expected: str):
    """A courtesy around a request is taken off; a courtesy that is the whole message stays."""
    assert expected == read(polite).folded
