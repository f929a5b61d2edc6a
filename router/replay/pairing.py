"""From requests that are over to pairs: what happened beside what a candidate would do, or two candidates side by side."""

from collections.abc import Iterable, Iterator

from router.chat import Usage
from router.replay.past import Past
from router.replay.rerun import Candidate, Would
from router.replay.summary import Pair, Side


def against_history(candidate: Candidate, requests: Iterable[Past]) -> Iterator[Pair]:
    """Each request as it went, and as it would have gone. One whose record names no target has nothing to compare."""
    for past in requests:
        would = candidate.would(past)
        before = Side(past.target, past.rule, _cost(candidate, past))
        unknown = would.unknown or (None if past.target is not None else "no target was recorded")
        yield Pair(past.place, before, _side(would), _full(candidate, past), unknown, would.is_checked)


def side_by_side(one: Candidate, other: Candidate, requests: Iterable[Past]) -> Iterator[Pair]:
    """Each request under both; it can be told where both can."""
    for past in requests:
        first, second = one.would(past), other.would(past)
        unknown = first.unknown or second.unknown
        yield Pair(past.place, _side(first), _side(second), _full(other, past), unknown, second.is_checked)


def _cost(candidate: Candidate, past: Past) -> float | None:
    if past.target is None:
        return past.cost_usd
    return candidate.cost(past.target, past, Usage(past.prompt_tokens, past.completion_tokens, past.cached_tokens))


def _side(would: Would) -> Side:
    return Side(would.target, would.rule, would.cost_usd, would.error)


def _full(candidate: Candidate, past: Past) -> float | None:
    return candidate.prices.cost(candidate.config.tiers[-1], Usage(past.prompt_tokens, past.completion_tokens))
