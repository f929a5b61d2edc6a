"""What a conversation would have cost on one model: its earlier turns come from the cache."""

import pytest

from router.chat import Usage
from router.config import Price
from router.ledger.counterfactual import LEAST_CACHED, has_discount, instead, told_before

SYSTEM = {"role": "system", "content": "x" * 60}
ASKED = {"role": "user", "content": [{"type": "text", "text": "y" * 20}, {"type": "image_url"}]}
ANSWERED = {"role": "assistant", "content": None, "tool_calls": []}
AGAIN = {"role": "user", "content": "z" * 20}


@pytest.mark.parametrize(
    ("messages", "part"),
    [
        ([], 0.0),
        ([AGAIN], 0.0),
        ([SYSTEM, ASKED], 0.0),
        ([SYSTEM, ASKED, ANSWERED, AGAIN], 0.8),
        ([ANSWERED, AGAIN], 0.0),
    ],
)
def test_what_was_told_before_is_all_before_the_last_answer(messages: list, part: float):
    """A first turn has nothing; later ones have what the turn before had sent."""
    assert told_before(messages) == pytest.approx(part)


def test_earlier_turns_come_from_the_cache_where_they_are_long_enough():
    """Short prompts are not cached by anybody; what is known to be cached is never taken back."""
    talk = [SYSTEM, ASKED, ANSWERED, AGAIN]
    assert instead(Usage(10 * LEAST_CACHED, 5), talk).cached_tokens == pytest.approx(8 * LEAST_CACHED, abs=1)
    assert instead(Usage(1000, 5), talk).cached_tokens == 0
    assert instead(Usage(2000, 5, cached_tokens=1900), talk).cached_tokens == 1900


def test_only_a_lower_price_is_a_discount():
    """Who asks the same for a cached token, or says nothing, has none."""
    assert [has_discount(Price(1.0, 1.0, cached)) for cached in (0.1, 1.0, None)] == [True, False, False]
