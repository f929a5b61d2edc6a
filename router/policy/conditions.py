"""Conditions: from their written form to `router.config`, and whether one holds for a request. Pure.

Truth has three values, because a request may have no judgement: `None` is unknown, and spreads as in Kleene's logic.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Protocol, TypeAlias

from router.config import AllOf, Always, AnyOf, Condition, HeaderIs, Not, ScoreIs, SideCallIs, TaskIs
from router.policy.decision import Facts
from router.policy.schema import ConditionTable

Truth: TypeAlias = bool | None


class JudgementLike(Protocol):
    """What the classifier says of a prompt: `score` in 0..1, higher where the large model is needed more."""

    @property
    def score(self) -> float:
        """How much the large model is needed."""

    @property
    def task(self) -> str:
        """The task label."""


def compiled(table: ConditionTable | None) -> Condition:
    """The condition that a mapping under `when:` means; several keys must all hold."""
    parts = tuple(_parts(table)) if table is not None else ()
    if not parts:
        return Always()
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _parts(table: ConditionTable) -> Iterable[Condition]:
    if table.always:
        yield Always()
    for name, values in (table.header or {}).items():
        yield HeaderIs(name.lower(), frozenset(values))
    if table.task is not None:
        yield TaskIs(frozenset(table.task))
    if table.score is not None:
        yield score_range(table.score.gte, table.score.lt)
    if table.side_call is not None:
        yield SideCallIs(frozenset(table.side_call))
    if table.any_ is not None:
        yield AnyOf(tuple(compiled(inner) for inner in table.any_))
    if table.all_ is not None:
        yield AllOf(tuple(compiled(inner) for inner in table.all_))
    if table.not_ is not None:
        yield Not(compiled(table.not_))


def score_range(gte: float | None, lt: float | None) -> ScoreIs:
    """The scores from `gte` on and below `lt`; None is no bound."""
    return ScoreIs(gte=0.0 if gte is None else gte, lt=float("inf") if lt is None else lt)


def holds(  # noqa: PLR0911 (one return for each kind of condition)
    condition: Condition, facts: Facts, judgement: JudgementLike | None
) -> Truth:
    """True, False, or None when it depends on a judgement that is not there."""
    match condition:
        case Always():
            return True
        case HeaderIs(name, values):
            return facts.headers.get(name) in values
        case TaskIs(labels):
            return None if judgement is None else judgement.task in labels
        case ScoreIs(gte, lt):
            return None if judgement is None else gte <= judgement.score < lt
        case SideCallIs(kinds):
            return facts.side_call in kinds
        case AnyOf(inner):
            return _any(holds(part, facts, judgement) for part in inner)
        case AllOf(inner):
            return _all(holds(part, facts, judgement) for part in inner)
        case Not(part):
            return _not(holds(part, facts, judgement))


def outcomes(condition: Condition, *, judged: bool) -> frozenset[Truth]:
    """Every truth that the condition can have when its parts are independent, with or without a judgement."""
    match condition:
        case Always():
            return frozenset({True})
        case TaskIs() | ScoreIs():
            return frozenset({True, False}) if judged else frozenset({None})
        case AnyOf(inner):
            return frozenset(_any(combination) for combination in _combinations(inner, judged=judged))
        case AllOf(inner):
            return frozenset(_all(combination) for combination in _combinations(inner, judged=judged))
        case Not(part):
            return frozenset(_not(truth) for truth in outcomes(part, judged=judged))
        case _:
            return frozenset({True, False})


def needs_judgement(condition: Condition) -> bool:
    """True when the condition looks at the score or the task."""
    return None in outcomes(condition, judged=False)


def _combinations(parts: tuple[Condition, ...], *, judged: bool) -> Iterable[tuple[Truth, ...]]:
    # Equal sets add nothing new to `any` and `all`, so at most a handful of distinct ones are multiplied.
    return product(*{outcomes(part, judged=judged) for part in parts})


def _any(truths: Iterable[Truth]) -> Truth:
    found = set(truths)
    return True if True in found else (None if None in found else False)


def _all(truths: Iterable[Truth]) -> Truth:
    found = set(truths)
    return False if False in found else (None if None in found else True)


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with the lower-case names that conditions compare."""
    return {name.lower(): value for name, value in headers.items()}
