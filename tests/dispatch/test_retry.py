"""What comes after a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dispatch.retry import MAX_BACKOFF_S, MAX_RETRY_AFTER_S, Again, MoveOn, Step, Stop, next_step
from router.errors import (
    BadRequest,
    ContextLengthExceeded,
    InternalError,
    Overloaded,
    RouterError,
    StreamInterrupted,
    UpstreamAuth,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tests.fakes.chats import model

SMALLER, LARGER = model("smaller", context=4096), model("larger", context=200_000)
HERE = model("here", retries=1)
KINDS = [
    BadRequest, ContextLengthExceeded, InternalError, Overloaded, UpstreamAuth, UpstreamInvalid, UpstreamRateLimited,
    UpstreamRefused, UpstreamRejected, UpstreamTimeout, UpstreamUnavailable,
]  # fmt: skip

errors = st.one_of(
    st.sampled_from(KINDS).map(lambda kind: kind("x")),
    st.builds(lambda wait: UpstreamUnavailable("x", retry_after_s=wait), st.floats(0, 1000)),
    st.builds(lambda wait: UpstreamRateLimited("x", retry_after_s=wait), st.floats(0, 1000)),
    st.just(StreamInterrupted("x")),
)
models = st.builds(
    lambda context, retries: model(context=context, retries=retries), st.integers(1, 10), st.integers(0, 5)
)


@pytest.mark.parametrize(
    ("error", "tries", "expected"),
    [
        (UpstreamUnavailable("500"), 1, Again(0.0, 0.25)),
        (UpstreamUnavailable("500"), 2, MoveOn(0)),
        (UpstreamUnavailable("503", retry_after_s=1.0), 1, Again(1.0, 0.25)),
        (UpstreamUnavailable("503", retry_after_s=30.0), 1, MoveOn(0)),
        (StreamInterrupted("cut"), 1, Again(0.0, 0.25)),
        (UpstreamRefused("no"), 1, MoveOn(0)),
        (UpstreamTimeout("slow"), 1, MoveOn(0)),
        (UpstreamRateLimited("429", retry_after_s=0.1), 1, MoveOn(0)),
        (UpstreamAuth("401"), 1, MoveOn(0)),
        (UpstreamInvalid("html"), 1, MoveOn(0)),
        (Overloaded("queue"), 1, MoveOn(0)),
        (ContextLengthExceeded("long"), 1, MoveOn(1)),
        (UpstreamRejected("400"), 1, Stop()),
        (BadRequest("400"), 1, Stop()),
        (InternalError("500"), 1, Stop()),
    ],
)
def test_the_rules(error: RouterError, tries: int, expected: Step) -> None:
    """Each kind of failure has one next step, one line each."""
    assert expected == next_step(error, tries, HERE, [SMALLER, LARGER])


@given(error=errors, tries=st.integers(1, 10), here=models, rest=st.lists(models, max_size=4))
def test_every_step_is_sound(error: RouterError, tries: int, here, rest: list) -> None:
    """Retries stay within the entry's number and bounded waits; moving on stays within what is left."""
    match next_step(error, tries, here, rest):
        case Again(least_s, spread_s):
            assert tries <= here.retries
            assert 0 <= least_s <= MAX_RETRY_AFTER_S
            assert 0 < spread_s <= MAX_BACKOFF_S
            assert not isinstance(error, UpstreamAuth | UpstreamRateLimited | BadRequest | UpstreamRejected)
        case MoveOn(position):
            assert not isinstance(error, UpstreamRejected)
            assert not isinstance(error, ContextLengthExceeded) or rest[position].context > here.context
        case Stop():
            pass


@given(error=errors, here=models, rest=st.lists(models, max_size=4))
def test_it_always_ends(error: RouterError, here, rest: list) -> None:
    """A plan whose every target fails for ever is left after at most the sum of its tries."""
    asked, tries = 1, 1
    budget = sum(1 + target.retries for target in [here, *rest])
    while (step := next_step(error, tries, here, rest)) != Stop():
        if isinstance(step, MoveOn):
            here, rest, tries = rest[step.position], rest[step.position + 1 :], 0
        tries += 1
        asked += 1
        assert asked <= budget
