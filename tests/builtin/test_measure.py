"""Measuring: intervals and the held-out questions."""

import pytest

from router.builtin.recipe import measure
from router.builtin.recipe.measure import Score
from tests.builtin.conftest import HANDWRITTEN


def test_wilson_interval_of_a_known_case():
    """81 of 263: the interval Newcombe prints (Statistics in Medicine 17 (1998), table I, method 3)."""
    assert pytest.approx((0.2553, 0.3662), abs=1e-4) == measure.wilson(81, 263)


def test_wilson_stays_inside_zero_and_one():
    """None right and all right still give bounds that are shares."""
    assert measure.wilson(0, 20)[0] == pytest.approx(0.0, abs=1e-12)
    assert measure.wilson(20, 20)[1] == pytest.approx(1.0, abs=1e-12)


def test_a_table_row_says_right_share_and_interval():
    """The table is what the card prints."""
    assert measure.table([Score("sum", 9, 10)]).endswith("| sum | 9/10 | 90.0% | 59.6% to 98.2% |")


def test_two_hundred_sentences_were_written_by_hand():
    """None is there twice, and each is a question with one right answer."""
    questions = list(measure.handwritten(HANDWRITTEN))
    assert len({question.messages[-1]["content"] for question in questions}) == 200


def test_held_out_questions_are_reproducible():
    """The same seed asks the same held-out questions."""
    first = [next(iter(measure.held_out(seed))) for seed in (4, 4)]
    assert first[0] == first[1]
