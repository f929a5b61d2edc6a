"""The circuit breaker, on its own: what opens it, what closes it, and what holds whatever happens."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.config import BreakerSettings
from router.dispatch.breaker import Breaker, Pass

SETTINGS = BreakerSettings(failures=3, share=0.5, window_s=10.0, open_s=2.0, max_open_s=8.0)


def opened(at: float = 0.0) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(SETTINGS)
    for _ in range(SETTINGS.failures):
        breaker.failed(breaker.enter(at), at)
    return breaker


def test_it_opens_at_the_number_of_failures():
    """Fewer failures leave it closed, the last one opens it."""
    breaker = Breaker(SETTINGS)
    for _ in range(2):
        breaker.failed(breaker.enter(0.0), 0.0)
    assert ("closed", True) == (breaker.state(0.0), breaker.admits(0.0))
    breaker.failed(breaker.enter(0.0), 0.0)
    assert ("open", False, 2.0) == (breaker.state(0.0), breaker.admits(0.0), breaker.wait_s(0.0))


def test_a_few_failures_among_many_answers_are_normal():
    """The number alone does not open it: the failures must be the share as well."""
    breaker = Breaker(SETTINGS)
    for _ in range(20):
        breaker.succeeded(breaker.enter(0.0), 0.0)
    for _ in range(19):
        breaker.failed(breaker.enter(1.0), 1.0)
    assert "closed" == breaker.state(1.0)
    breaker.failed(breaker.enter(1.0), 1.0)
    assert "open" == breaker.state(1.0)


def test_old_failures_are_forgotten():
    """What is older than the window does not count."""
    breaker = Breaker(SETTINGS)
    for moment in (0.0, 0.0, 10.0):
        breaker.failed(breaker.enter(moment), moment)
    assert "closed" == breaker.state(10.0)


def test_one_probe_at_a_time():
    """When its time is up one request tries the target; the next one may only when that one has gone without a word."""
    breaker = opened()
    assert ("half_open", True) == (breaker.state(2.0), breaker.admits(2.0))
    probe = breaker.enter(2.0)
    assert (True, False) == (probe.is_probe, breaker.admits(2.0))
    breaker.abandoned(probe)
    assert breaker.admits(2.0)


def test_an_answer_closes_it_as_soon_as_it_begins():
    """Nobody has to wait for the end of a long answer; what it comes to counts afterwards like any other."""
    breaker = opened()
    given = breaker.revived(breaker.enter(2.0))
    assert "closed" == breaker.state(2.0)
    breaker.failed(given, 3.0)
    for _ in range(2):
        breaker.failed(breaker.enter(3.0), 3.0)
    assert "open" == breaker.state(3.0)


def test_each_failed_probe_doubles_the_wait():
    """2 s, 4 s, 8 s, and no more than the bound; one answer starts again from the beginning."""
    breaker, now = opened(), 0.0
    waits = []
    for _ in range(4):
        waits.append(breaker.wait_s(now))
        now += waits[-1]
        breaker.failed(breaker.enter(now), now)
    assert [2.0, 4.0, 8.0, 8.0] == waits
    now += 8.0
    breaker.succeeded(breaker.enter(now), now)
    for _ in range(3):
        breaker.failed(breaker.enter(now), now)
    assert 2.0 == breaker.wait_s(now)


def test_whoever_has_nobody_else_may_enter_a_shut_one():
    """The last target is never fully shut: its answer closes the breaker, its failure does not prolong the opening."""
    breaker = opened()
    breaker.failed(breaker.enter(1.0), 1.0)
    assert 1.0 == breaker.wait_s(1.0)
    breaker.succeeded(breaker.enter(1.5), 1.5)
    assert "closed" == breaker.state(1.5)


def test_what_began_before_it_opened_no_longer_counts():
    """Late failures do not prolong an opening, and late answers do not end it."""
    breaker = Breaker(SETTINGS)
    late = breaker.enter(0.0)
    for _ in range(3):
        breaker.failed(breaker.enter(0.0), 0.0)
    breaker.failed(late, 1.9)
    breaker.succeeded(late, 1.9)
    assert ("open", "half_open") == (breaker.state(1.9), breaker.state(2.0))


def test_a_rest_is_heeded_bounded_and_never_shortened():
    """A Retry-After keeps requests away without opening the breaker; a shorter one that comes later changes nothing."""
    breaker = Breaker(SETTINGS)
    breaker.rest(5.0, 0.0)
    breaker.rest(1.0, 0.0)
    assert ("closed", False, True) == (breaker.state(4.9), breaker.admits(4.9), breaker.admits(5.0))
    breaker.rest(86_400.0, 10.0)
    assert 8.0 == breaker.wait_s(10.0)


def test_a_thousand_openings_stay_finite():
    """The doubling is bounded in its exponent too."""
    breaker, now = opened(), 0.0
    for _ in range(1100):
        now += breaker.wait_s(now)
        breaker.failed(breaker.enter(now), now)
    assert 8.0 == breaker.wait_s(now)


class AnyTraffic(RuleBasedStateMachine):
    """Attempts that overlap in any way, and a clock that only goes on."""

    @initialize(
        failures=st.integers(1, 5),
        share=st.sampled_from([0.1, 0.5, 1.0]),
        open_s=st.sampled_from([0.5, 2.0, 20.0]),
    )
    def make(self, failures: int, share: float, open_s: float) -> None:
        self.settings = BreakerSettings(failures, share, window_s=10.0, open_s=open_s, max_open_s=8.0)
        self.breaker = Breaker(self.settings)
        self.now = 100.0
        self.out: list[Pass] = []
        self.rest_until = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def enter(self) -> None:
        was_half_open = self.breaker.state(self.now) == "half_open"
        had_probe = any(given.is_probe and given.epoch == self.breaker._epoch for given in self.out)
        given = self.breaker.enter(self.now)
        assert given.is_probe == (was_half_open and not had_probe)
        self.out.append(given)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "abandoned", "began and failed"]))
    def leave(self, data: st.DataObject, outcome: str) -> None:
        given = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = self.breaker.state(self.now)
        is_current = given.epoch == self.breaker._epoch
        match outcome:
            case "succeeded":
                self.breaker.succeeded(given, self.now)
                assert self.breaker.state(self.now) == ("closed" if is_current else before)
            case "failed":
                self.breaker.failed(given, self.now)
                if before != "closed" and not (is_current and given.is_probe):
                    assert self.breaker.state(self.now) == before
            case "abandoned":
                self.breaker.abandoned(given)
                assert self.breaker.state(self.now) == before
            case _:
                given = self.breaker.revived(given)
                self.breaker.failed(given, self.now)
        self.breaker.abandoned(given)

    @rule(seconds=st.floats(0, 1e9))
    def rest(self, seconds: float) -> None:
        self.breaker.rest(seconds, self.now)
        self.rest_until = max(self.rest_until, self.now + min(seconds, 8.0))

    @invariant()
    def waits_are_bounded(self) -> None:
        """To a nanosecond: `now + 8 - now` is not 8 for every `now`."""
        assert 0 <= self.breaker.wait_s(self.now) <= max(8.0, self.settings.open_s) + 1e-9

    @invariant()
    def it_admits_somebody_once_the_wait_is_over(self) -> None:
        """Unless a probe is out, and one that is never told of any more cannot be."""
        later = self.now + self.breaker.wait_s(self.now) + 1e-6
        has_probe = any(given.is_probe and given.epoch == self.breaker._epoch for given in self.out)
        assert self.breaker.admits(later) == (not has_probe)

    @invariant()
    def a_rest_is_kept(self) -> None:
        if self.now < self.rest_until:
            assert not self.breaker.admits(self.now)


TestAnyTraffic = pytest.mark.filterwarnings("default")(AnyTraffic.TestCase)
AnyTraffic.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
