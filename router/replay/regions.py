"""Where a score or a length can make a difference: between two such numbers all recorded requests are decided alike. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from router.condition import Condition, PromptTokensIs, ScoreIs, Within
from router.config import Config, Policy
from router.policy.conditions import parts_of
from router.replay.past import Past


class Regions:
    """The edges of one configuration. A split draws by the request itself, so a file with one has no regions."""

    def __init__(self, config: Config) -> None:
        parts = [part for when in _conditions(config) for part in parts_of(when)]
        policies = config.policies.values()
        self._scores = sorted({*_scores(parts), *(edge for policy in policies for edge in _thresholds(policy))})
        self._lengths = sorted({*_lengths(parts), *(float(model.context) for model in config.models.values())})
        self._has_hours = any(isinstance(part, Within) for part in parts)
        self._has_split = any(rule.split for policy in policies for rule in policy.select)

    def of(self, past: Past) -> tuple[object, ...]:
        """The same for two requests that cannot be told apart by any rule or guard."""
        score = None if past.score is None else _place(self._scores, past.score)
        return (
            past.asked,
            past.rule,
            past.reason,
            past.target,
            past.task,
            past.tags,
            score,
            _place(self._lengths, past.prompt_tokens),
            past.at if self._has_hours else None,
            past.place if self._has_split else None,
        )


def _place(edges: list[float], value: float) -> tuple[int, int]:
    """Below, on, or above each edge: an edge belongs to neither side, as some comparisons include it."""
    return bisect_left(edges, value), bisect_right(edges, value)


def _conditions(config: Config) -> Iterator[Condition]:
    yield from (guard.when for guard in config.guards)
    yield from (rule.when for policy in config.policies.values() for rule in policy.select)


def _scores(parts: Iterable[Condition]) -> Iterator[float]:
    yield from (edge for part in parts if isinstance(part, ScoreIs) for edge in (part.gte, part.lt))


def _lengths(parts: Iterable[Condition]) -> Iterator[float]:
    for part in parts:
        if isinstance(part, PromptTokensIs):
            yield from (part.range.gt, part.range.gte, part.range.lt, part.range.lte)


def _thresholds(policy: Policy) -> Iterator[float]:
    for rule in policy.select:
        yield from () if rule.threshold is None else (rule.threshold,)
        yield from () if rule.abstain is None else (rule.abstain.start, rule.abstain.stop)
    yield from () if policy.verify is None or policy.verify.band is None else policy.verify.band
