"""Limits in memory: what is reserved, settled and released, to the last millionth."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.caller import Caller
from router.chat import ChatRequest
from router.errors import QuotaExceeded, RateLimited
from router.limit import Limit
from router.limits.meter import Moment
from router.limits.quotas import Quotas, Spent
from router.limits.ticket import ANSWER_TOKENS
from router.limits.till import day_end, month_end, month_start

NOON = 1_795_348_800.0  # 2026-11-22 12:00:00 UTC
DAY_S = 86_400.0
TEAM = Caller(key="app", tags=frozenset({"team-a"}))
REQUEST = ChatRequest("auto", (), None, stream=False, include_usage=False, params={})


@dataclass
class Clock:
    """A clock that a test turns."""

    at: float = 0.0

    def __call__(self) -> Moment:
        return Moment(NOON + self.at, self.at)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limit(**bounds: object) -> Limit:
    return replace(Limit("b"), **bounds)


def refused(quotas: Quotas, caller: Caller = TEAM, usd: float = 0.0, tokens: int = 0) -> str | None:
    """The code of the error, or None for a request that was let in and goes on."""
    ticket = quotas.ticket(caller)
    try:
        ticket.enter()
        ticket.hold(usd, tokens)
    except (RateLimited, QuotaExceeded) as error:
        ticket.close()
        return error.code
    return None


def test_a_minute_has_so_many_requests(clock: Clock):
    """A minute's worth may come at once, and what is used up comes back evenly."""
    quotas = Quotas([limit(requests_per_minute=60)], clock)
    assert [refused(quotas) for _ in range(61)] == [None] * 60 + ["rate_limit_exceeded"]
    clock.at = 2.0
    assert [refused(quotas) for _ in range(3)] == [None, None, "rate_limit_exceeded"]


def test_retry_after_is_when_the_next_one_fits(clock: Clock):
    """The wait that a client is told is the one that works."""
    quotas = Quotas([limit(requests_per_minute=6)], clock)
    assert [refused(quotas) for _ in range(6)] == [None] * 6
    with pytest.raises(RateLimited) as caught:
        quotas.ticket(TEAM).enter()
    assert caught.value.retry_after_s == pytest.approx(10)
    clock.at = 10.0
    assert refused(quotas) is None


def test_places_come_back_however_a_request_ends(clock: Clock):
    """A request that is over, settled or not, makes room for the next; closing twice makes room once."""
    quotas = Quotas([limit(concurrent=2)], clock)
    tickets = [quotas.ticket(TEAM) for _ in range(3)]
    tickets[0].enter()
    tickets[1].enter()
    with pytest.raises(RateLimited):
        tickets[2].enter()
    tickets[2].close()
    assert refused(quotas) == "rate_limit_exceeded"
    tickets[0].close()
    tickets[0].close()
    assert [refused(quotas) for _ in range(2)] == [None, "rate_limit_exceeded"]


def test_tokens_are_reckoned_before_and_counted_after(clock: Clock):
    """The worst case is taken from the minute, and what was not used is given back."""
    quotas = Quotas([limit(tokens_per_minute=1000)], clock)
    ticket = quotas.ticket(TEAM)
    ticket.hold(0.0, 900)
    assert refused(quotas, tokens=200) == "rate_limit_exceeded"
    ticket.settle(None, 100)
    assert refused(quotas, tokens=900) is None


def test_a_request_that_no_minute_has_is_told_what_to_do(clock: Clock):
    """Waiting would not help, so no wait is told, and the field that helps is named."""
    with pytest.raises(RateLimited) as caught:
        Quotas([limit(tokens_per_minute=1000)], clock).ticket(TEAM).hold(0.0, 1001)
    assert (caught.value.retry_after_s, caught.value.param) == (None, "max_tokens")


def test_what_is_held_cannot_be_held_twice(clock: Clock):
    """Money is reserved before it is spent, and what is left over comes back."""
    quotas = Quotas([limit(usd_per_day=1.0)], clock)
    ticket = quotas.ticket(TEAM)
    ticket.hold(0.75, 0)
    assert refused(quotas, usd=0.5) == "insufficient_quota"
    ticket.settle(0.25, 0)
    ticket.close()
    assert [refused(quotas, usd=0.25) for _ in range(4)] == [None] * 3 + ["insufficient_quota"]


def test_what_was_not_settled_is_released(clock: Clock):
    """A request that fails before anything was recorded costs nothing."""
    quotas = Quotas([limit(usd_per_day=1.0)], clock)
    ticket = quotas.ticket(TEAM)
    ticket.hold(1.0, 0)
    ticket.close()
    ticket.settle(1.0, 0)
    assert refused(quotas, usd=1.0) is None


def test_what_costs_nothing_always_goes(clock: Clock):
    """A budget that is used up keeps nobody from a model that costs nothing, and one of nothing keeps all others."""
    quotas = Quotas([limit(usd_per_day=0.0)], clock)
    assert [refused(quotas, usd=0.0), refused(quotas, usd=1e-9)] == [None, "insufficient_quota"]
    assert quotas.ticket(TEAM).used_pct() == 100.0


def test_a_model_without_a_price_is_beyond_any_budget(clock: Clock):
    """Nobody can promise to hold what nobody knows; without a budget it goes."""
    assert refused(Quotas([limit(usd_per_day=1e6)], clock), usd=float("inf")) == "insufficient_quota"
    assert refused(Quotas([limit(concurrent=1)], clock), usd=float("inf")) is None


def test_a_day_ends_at_midnight_of_utc(clock: Clock):
    """The next day has its own money; what was held before midnight is settled where it was held."""
    quotas = Quotas([limit(usd_per_day=1.0)], clock)
    late = quotas.ticket(TEAM)
    late.hold(1.0, 0)
    with pytest.raises(QuotaExceeded) as caught:
        quotas.ticket(TEAM).hold(1.0, 0)
    assert caught.value.retry_after_s == DAY_S / 2
    clock.at = DAY_S / 2
    assert refused(quotas, usd=1.0) is None
    late.settle(1.0, 0)
    assert refused(quotas, usd=1e-9) == "insufficient_quota"


def test_months_end_where_calendars_say():
    """Short months, long ones, and the turn of the year."""
    assert day_end(NOON) == NOON + DAY_S / 2
    assert month_start(NOON) == 1_793_491_200.0  # 2026-11-01
    assert month_end(NOON) == 1_796_083_200.0  # 2026-12-01
    assert month_end(1_796_083_200.0) == 1_798_761_600.0  # 2027-01-01


def test_whose_requests_count(clock: Clock):
    """A tag's budget is that of all its keys together, a key's its own, and one without a match everybody's."""
    limits = [
        Limit("all", requests_per_minute=4),
        Limit("team", tag="team-a", requests_per_minute=2),
        Limit("key", key="solo", requests_per_minute=1),
    ]
    quotas = Quotas(limits, clock)
    other, solo = Caller(key="other", tags=frozenset({"team-a"})), Caller(key="solo")
    assert [refused(quotas, caller) for caller in (TEAM, other, TEAM)] == [None, None, "rate_limit_exceeded"]
    assert [refused(quotas, solo) for _ in range(2)] == [None, "rate_limit_exceeded"]
    assert [refused(quotas, Caller()) for _ in range(2)] == [None, "rate_limit_exceeded"]


def test_one_refusal_takes_nothing_from_the_others(clock: Clock):
    """A request that one limit refuses does not use up another."""
    limits = [Limit("wide", requests_per_minute=2), Limit("narrow", key="app", requests_per_minute=1)]
    quotas = Quotas(limits, clock)
    assert [refused(quotas) for _ in range(5)] == [None] + ["rate_limit_exceeded"] * 4
    assert refused(quotas, Caller()) is None


def test_a_restart_gives_nobody_a_fresh_budget(clock: Clock):
    """What the ledger says was spent counts, for the key, its tags and everybody."""
    quotas = Quotas([Limit("team", tag="team-a", usd_per_day=1.0), Limit("month", usd_per_month=10.0)], clock)
    quotas.carry([Spent("app", ("team-a",), 0.75, 6.0), Spent(None, (), 0.0, 3.0)])
    assert quotas.used_ratio() == {"team": 0.75, "month": 0.9}
    assert refused(quotas, usd=0.5) == "insufficient_quota"
    assert refused(quotas, usd=0.25) is None


def test_a_reload_keeps_what_was_counted(clock: Clock):
    """New bounds under the same name begin with what is spent and under way already."""
    quotas = Quotas([limit(usd_per_day=1.0, concurrent=5)], clock)
    ticket = quotas.ticket(TEAM)
    ticket.enter()
    ticket.hold(0.5, 0)
    quotas.adopt([limit(usd_per_day=0.75, concurrent=1)])
    assert refused(quotas) == "rate_limit_exceeded"
    ticket.settle(0.5, 0)
    ticket.close()
    assert quotas.used_ratio() == {"b": pytest.approx(2 / 3)}
    assert refused(quotas, usd=0.3) == "insufficient_quota"


@pytest.mark.parametrize(
    ("bounds", "asked", "expected"),
    [
        ({"concurrent": 1}, None, None),
        ({"max_tokens": 100}, None, 100),
        ({"max_tokens": 100}, 50, 50),
        ({"max_tokens": 100}, 500, 100),
        ({"usd_per_day": 1}, None, ANSWER_TOKENS),
        ({"usd_per_day": 1}, 100_000, 100_000),
        ({"usd_per_day": 1, "max_tokens": 100}, None, 100),
        ({"tokens_per_minute": 1000}, None, 500),
    ],
)
def test_an_answer_has_an_end_that_can_be_reckoned_with(
    clock: Clock, bounds: dict, asked: int | None, expected: int | None
):
    """Where length costs, an answer that nobody limits is limited; elsewhere it is left alone."""
    ticket = Quotas([limit(**bounds)], clock).ticket(TEAM)
    assert ticket.fitted(replace(REQUEST, max_tokens=asked)).max_tokens == expected


def test_headers_tell_the_limit_that_leaves_least(clock: Clock):
    """OpenAI's words and spans."""
    quotas = Quotas(
        [Limit("a", requests_per_minute=120), Limit("b", requests_per_minute=10, tokens_per_minute=600)], clock
    )
    ticket = quotas.ticket(TEAM)
    ticket.enter()
    ticket.hold(0.0, 90)
    assert ticket.headers() == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-limit-tokens": "600",
        "x-ratelimit-remaining-tokens": "510",
        "x-ratelimit-reset-tokens": "9s",
    }


AMOUNTS = st.integers(0, 30).map(lambda cents: cents / 100)


@settings(deadline=None)
@given(st.lists(st.tuples(AMOUNTS, st.floats(0, 1), st.sampled_from(["settle", "close", "wait"])), max_size=60))
def test_no_order_of_events_spends_more_than_the_budget(steps: list[tuple[float, float, str]]):
    """Whatever is held, settled (for no more than was held) or broken off, spent and held never exceed the budget."""
    clock, waiting, spent = Clock(), [], 0.0
    quotas = Quotas([limit(usd_per_day=1.0)], clock)
    for usd, part, what in steps:
        ticket = quotas.ticket(TEAM)
        try:
            ticket.hold(usd, 0)
        except QuotaExceeded:
            ticket.close()
            continue
        waiting.append((ticket, usd * part))
        if what == "wait":
            continue
        ticket, cost = waiting.pop(0)
        if what == "settle":
            ticket.settle(cost, 0)
            spent += cost
        ticket.close()
        assert spent <= 1.0 + 1e-9
        assert quotas.used_ratio()["b"] <= 1.0
    for ticket, _ in waiting:
        ticket.close()
    assert quotas.used_ratio()["b"] == pytest.approx(spent, abs=1e-9)
