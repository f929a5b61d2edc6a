"""Money for a day: never more than its limit is out, whatever comes together."""

from hypothesis import given
from hypothesis import strategies as st

from router.shadow.purse import Purse
from tests.ledger.examples import NOON

DAY_S = 86_400


class Clock:
    """Unix seconds that pass when a test says so."""

    now = NOON

    def __call__(self) -> float:
        return self.now


def test_a_day_begins_with_what_was_spent_on_it():
    """After a restart, and at midnight of UTC, the books are asked."""
    clock = Clock()
    purse = Purse(clock, {"2026-11-22": {"auto": 0.75}, "2026-11-23": {}}.__getitem__)
    assert not purse.take("auto", 0.5, 1.0)
    assert purse.take("auto", 0.25, 1.0)
    assert not purse.take("auto", 0.01, 1.0)
    assert purse.take("other", 1.0, 1.0)
    clock.now += DAY_S
    assert purse.take("auto", 0.75, 1.0)
    assert not purse.take("auto", 0.75, 1.0)


def test_what_was_not_needed_comes_back():
    """The most it could cost is set aside, and what it did cost stays away."""
    purse = Purse(Clock(), lambda _day: {})
    assert purse.take("auto", 1.0, 1.0)
    purse.settle("auto", 1.0, 0.25)
    assert not purse.take("auto", 0.8, 1.0)
    assert purse.take("auto", 0.75, 1.0)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.125, 0.25, 1.0]), st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))))
def test_the_limit_is_never_passed(steps: list[tuple[float, bool, float]]):
    """As long as nothing costs more than was set aside for it."""
    purse, out, spent = Purse(Clock(), lambda _day: {}), [], 0.0
    for usd, is_settled, part in steps:
        if purse.take("auto", usd, 1.0):
            out.append(usd)
        if is_settled and out:
            aside = out.pop()
            purse.settle("auto", aside, aside * part)
            spent += aside * part
        assert spent + sum(out) <= 1.0
