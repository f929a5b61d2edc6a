"""Conditions: from their written form to the vocabulary, and what each could come to. Pure."""

from collections.abc import Iterable, Mapping
from itertools import product

from router.condition import (
    AllOf,
    Always,
    AnyOf,
    BudgetIs,
    CallerIs,
    ClientIs,
    Condition,
    ConfidenceIs,
    HasPii,
    HeaderIs,
    HealthIs,
    LanguageIs,
    Matches,
    Mentions,
    ModalityIs,
    ModelIs,
    NeedsIs,
    Not,
    PromptTokensIs,
    QueueIs,
    Range,
    ScoreIs,
    SideCallIs,
    SimilarTo,
    TaskIs,
    TurnsIs,
    Within,
)
from router.policy.clock import DAYS, MINUTES, minutes_of
from router.policy.memo import ByIdentity
from router.policy.schema_conditions import ConditionTable, NumberRange, ScoreRange, TimeWindow
from router.policy.truth import Truth

INFINITY = float("inf")


def compiled(table: ConditionTable | None) -> Condition:
    """The condition that a mapping under `when:` means; several keys must all hold, the quick ones being asked first."""
    parts = () if table is None else tuple(part for read in _READERS for part in read(table))
    if not parts:
        return Always()
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _of_sender(table: ConditionTable) -> Iterable[Condition]:
    """Who asks, through what, and for whom."""
    if table.always:
        yield Always()
    for name, values in (table.header or {}).items():
        yield HeaderIs(name.lower(), frozenset(values))
    if table.caller is not None:
        yield CallerIs(frozenset(table.caller))
    if table.model is not None:
        yield ModelIs(
            frozenset(name for name in table.model if not name.endswith("*")),
            tuple(name[:-1] for name in table.model if name.endswith("*")),
        )
    if table.client is not None:
        yield ClientIs(frozenset(table.client))


def _of_shape(table: ConditionTable) -> Iterable[Condition]:
    """What kind of request it is."""
    if table.prompt_tokens is not None:
        yield PromptTokensIs(_range(table.prompt_tokens))
    if table.turns is not None:
        yield TurnsIs(_range(table.turns))
    if table.has_tools is not None:
        yield NeedsIs("tools", table.has_tools)
    if table.wants_json is not None:
        yield NeedsIs("json", table.wants_json)
    if table.modality is not None:
        yield ModalityIs(frozenset(table.modality))
    if table.side_call is not None:
        yield SideCallIs(frozenset(table.side_call))


def _of_moment(table: ConditionTable) -> Iterable[Condition]:
    """What changes by itself: the clock, the budget, the targets."""
    if table.time is not None:
        yield _window(table.time)
    if table.budget_used_pct is not None:
        yield BudgetIs(_range(table.budget_used_pct))
    for target, bounds in (table.queue_ms or {}).items():
        yield QueueIs(target, _range(bounds))
    for target, states in (table.health or {}).items():
        yield HealthIs(target, frozenset(states))


def _of_meaning(table: ConditionTable) -> Iterable[Condition]:
    """What the classifier says, and what has to be looked for in the text."""
    if table.task is not None:
        yield TaskIs(frozenset(table.task))
    if table.score is not None:
        yield score_range(table.score.gte, table.score.lt)
    if table.confidence is not None:
        yield ConfidenceIs(_half_open(table.confidence))
    if table.language is not None:
        yield LanguageIs(frozenset(table.language))
    if table.keyword is not None:
        yield Mentions(tuple(table.keyword.any_), table.keyword.scope)
    if table.regex is not None:
        yield Matches(tuple(table.regex.any_), table.regex.scope)
    if table.pii is not None:
        yield HasPii(tuple(dict.fromkeys(table.pii)))
    for examples, bounds in (table.similar_to or {}).items():
        yield SimilarTo(examples, _half_open(bounds))


def _nested(table: ConditionTable) -> Iterable[Condition]:
    if table.any_ is not None:
        yield AnyOf(tuple(compiled(inner) for inner in table.any_))
    if table.all_ is not None:
        yield AllOf(tuple(compiled(inner) for inner in table.all_))
    if table.not_ is not None:
        yield Not(compiled(table.not_))


_READERS = (_of_sender, _of_shape, _of_moment, _of_meaning, _nested)


def score_range(gte: float | None, lt: float | None) -> ScoreIs:
    """The scores from `gte` on and below `lt`; None is no bound."""
    return ScoreIs(gte=_or(gte, 0.0), lt=_or(lt, INFINITY))


def _half_open(bounds: ScoreRange) -> Range:
    return Range(gte=_or(bounds.gte, 0.0), lt=_or(bounds.lt, INFINITY))


def _range(bounds: NumberRange) -> Range:
    return Range(
        gt=_or(bounds.gt, -INFINITY),
        gte=_or(bounds.gte, -INFINITY),
        lt=_or(bounds.lt, INFINITY),
        lte=_or(bounds.lte, INFINITY),
    )


def _window(window: TimeWindow) -> Within:
    days = frozenset(DAYS.index(day) for day in window.days)
    return Within(minutes_of(window.from_) % MINUTES, minutes_of(window.to), days, window.tz)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def outcomes(condition: Condition, *, judged: bool) -> frozenset[Truth]:  # noqa: PLR0911 (one return for each kind)
    """Every truth that the condition can have when its parts are independent, with or without a judgement."""
    match condition:
        case Always():
            return frozenset({True})
        case TaskIs() | ScoreIs() | ConfidenceIs():
            return frozenset({True, False}) if judged else frozenset({None})
        case SimilarTo():
            return frozenset({True, False, None})
        case AnyOf(inner):
            return frozenset(_any(combination) for combination in _combinations(inner, judged=judged))
        case AllOf(inner):
            return frozenset(_all(combination) for combination in _combinations(inner, judged=judged))
        case Not(part):
            return frozenset(_not(truth) for truth in outcomes(part, judged=judged))
        case _:
            return frozenset({True, False})


def _needs_judgement(condition: Condition) -> bool:
    return any(isinstance(part, TaskIs | ScoreIs | ConfidenceIs) for part in parts_of(condition))


needs_judgement = ByIdentity(_needs_judgement)
"""True when a condition looks at what the classifier says."""


def _combinations(parts: tuple[Condition, ...], *, judged: bool) -> Iterable[tuple[Truth, ...]]:
    # Equal sets add nothing new to `any` and `all`, so at most a handful of distinct ones are multiplied.
    return product(*{outcomes(part, judged=judged) for part in parts})


def parts_of(condition: Condition) -> Iterable[Condition]:
    """The condition and every one inside it."""
    yield condition
    match condition:
        case AnyOf(inner) | AllOf(inner):
            for part in inner:
                yield from parts_of(part)
        case Not(part):
            yield from parts_of(part)
        case _:
            return


def examples_of(conditions: Iterable[Condition]) -> frozenset[str]:
    """The sets of examples that the conditions compare with."""
    parts = (part for condition in conditions for part in parts_of(condition))
    return frozenset(part.examples for part in parts if isinstance(part, SimilarTo))


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
