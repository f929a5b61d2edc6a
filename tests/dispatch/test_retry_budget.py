"""The retry budget."""

from hypothesis import given
from hypothesis import strategies as st

from router.config import RetrySettings
from router.dispatch.retry_budget import RetryBudget

SETTINGS = RetrySettings(share=0.2, least=2, window_s=10.0)


def test_a_few_are_always_allowed():
    """A target that is hardly used may still be asked twice, but not for ever."""
    budget = RetryBudget(SETTINGS)
    assert [True, True, False] == [budget.spend(0.0) for _ in range(3)]


def test_more_requests_allow_more():
    """Of twenty requests a fifth may be repeated."""
    budget = RetryBudget(SETTINGS)
    for _ in range(20):
        budget.requested(0.0)
    assert [True] * 4 + [False] == [budget.spend(1.0) for _ in range(5)]


def test_the_window_slides():
    """What was spent comes back when the window has passed, and so do the requests go."""
    budget = RetryBudget(SETTINGS)
    assert [True, True, False] == [budget.spend(0.0) for _ in range(3)]
    assert not budget.spend(9.0)
    assert budget.spend(10.0)


steps = st.lists(st.tuples(st.sampled_from([0.0, 0.4, 3.0, 30.0]), st.booleans()), max_size=200)


@given(steps=steps)
def test_retries_stay_within_the_share(steps: list[tuple[float, bool]]):
    """Whatever the traffic, no window of the full length holds more retries than its share, counted with its edges."""
    budget, now, requests, retries = RetryBudget(SETTINGS), 0.0, [], []
    for wait, is_request in steps:
        now += wait
        if is_request:
            budget.requested(now)
            requests.append(now)
        elif budget.spend(now):
            retries.append(now)
            # The window is cut into ten parts, so a tenth of it may be counted more or less.
            recent = sum(moment > now - 10.0 for moment in requests)
            assert sum(moment > now - 9.0 for moment in retries) <= max(2, 0.2 * recent + 1)
