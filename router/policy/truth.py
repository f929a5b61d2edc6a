"""Whether a condition holds for a request: each one becomes a function of the evidence, made once. Pure.

Truth has three values, because a request may lack a judgement, a time or words: `None` is unknown, and spreads as in
Kleene's logic.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

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
    Scope,
    ScoreIs,
    SideCallIs,
    SimilarTo,
    TaskIs,
    TurnsIs,
    Within,
)
from router.policy.clock import is_within
from router.policy.decision import Facts
from router.policy.evidence import Evidence, JudgementLike
from router.policy.matching import Pattern, any_keyword, any_pattern
from router.policy.memo import ByIdentity
from router.policy.words import plain

Truth: TypeAlias = bool | None
Test: TypeAlias = Callable[[Evidence], Truth]


def holds(
    condition: Condition, facts: Facts, judgement: JudgementLike | None, states: Mapping[str, str] | None = None
) -> Truth:
    """True, False, or None when it depends on something that is not known."""
    return test_of(condition)(Evidence(facts, judgement, states))


def _made(condition: Condition) -> Test:  # noqa: PLR0911 (one return for each kind)
    match condition:
        case AnyOf(inner):
            return _any([_made(part) for part in inner])
        case AllOf(inner):
            return _all([_made(part) for part in inner])
        case Not(part):
            return _not(_made(part))
        case TaskIs() | ScoreIs() | ConfidenceIs():
            return _of_judgement(condition)
        case LanguageIs() | Matches() | Mentions() | HasPii() | SimilarTo():
            return _of_words(condition)
        case Within() | BudgetIs() | QueueIs() | HealthIs():
            return _of_moment(condition)
        case PromptTokensIs() | TurnsIs() | NeedsIs() | ModalityIs() | SideCallIs():
            return _of_shape(condition)
        case _:
            return _of_sender(condition)


def _of_sender(condition: Always | HeaderIs | CallerIs | ModelIs | ClientIs) -> Test:
    match condition:
        case Always():
            return lambda _: True
        case HeaderIs(name, values):
            return lambda evidence: evidence.facts.headers.get(name) in values
        case CallerIs(tags):
            return lambda evidence: not tags.isdisjoint(evidence.facts.caller.tags)
        case ModelIs(names, beginnings):
            return lambda evidence: evidence.facts.model in names or evidence.facts.model.startswith(beginnings)
        case ClientIs(kinds):
            return lambda evidence: evidence.facts.client in kinds


def _of_shape(condition: PromptTokensIs | TurnsIs | NeedsIs | ModalityIs | SideCallIs) -> Test:
    match condition:
        case PromptTokensIs(bounds):
            return lambda evidence: bounds.has(evidence.facts.prompt_tokens)
        case TurnsIs(bounds):
            return lambda evidence: bounds.has(evidence.facts.turns)
        case NeedsIs(ability, wanted):
            return lambda evidence: (ability in evidence.facts.needs) is wanted
        case ModalityIs(kinds):
            return lambda evidence: not kinds.isdisjoint(evidence.facts.modalities)
        case SideCallIs(kinds):
            return lambda evidence: evidence.facts.side_call in kinds


def _of_judgement(condition: TaskIs | ScoreIs | ConfidenceIs) -> Test:
    match condition:
        case TaskIs(labels):
            return lambda evidence: None if evidence.judgement is None else evidence.judgement.task in labels
        case ScoreIs(gte, lt):
            return lambda evidence: None if evidence.judgement is None else gte <= evidence.judgement.score < lt
        case ConfidenceIs(bounds):
            return lambda evidence: (
                None if evidence.judgement is None else bounds.has(evidence.judgement.task_probability)
            )


def _of_words(condition: LanguageIs | Matches | Mentions | HasPii | SimilarTo) -> Test:
    match condition:
        case LanguageIs(codes):
            return lambda evidence: None if evidence.facts.words is None else evidence.language() in codes
        case Matches(patterns, scope):
            return _found(any_pattern(patterns), scope)
        case Mentions(words, scope):
            return _mentioned(words, scope)
        case HasPii(kinds):
            return lambda evidence: evidence.pii(kinds)
        case SimilarTo(examples, bounds):
            return _is_like(examples, bounds)


def _is_like(examples: str, bounds: Range) -> Test:
    def is_like(evidence: Evidence) -> Truth:
        cosine = evidence.facts.similarity.get(examples)
        return None if cosine is None else bounds.has(cosine)

    return is_like


def _found(pattern: Pattern, scope: Scope) -> Test:
    def is_found(evidence: Evidence) -> Truth:
        text = evidence.text(scope)
        return None if text is None else pattern.search(text) is not None

    return is_found


def _mentioned(words: tuple[str, ...], scope: Scope) -> Test:
    """To look for the letters is quick, and mostly the end of it; only then the borders of the word matter."""
    exact = _found(any_keyword(words), scope)
    folded = [plain(word).casefold() for word in words]

    def is_mentioned(evidence: Evidence) -> Truth:
        text = evidence.folded(scope)
        if text is None:
            return None
        for word in folded:  # a generator would cost more than the search
            if word in text:
                return exact(evidence)
        return False

    return is_mentioned


def _of_moment(condition: Within | BudgetIs | QueueIs | HealthIs) -> Test:
    match condition:
        case Within():
            return _by_the_clock(condition)
        case BudgetIs(bounds):
            return lambda evidence: (
                evidence.facts.budget_used_pct is not None and bounds.has(evidence.facts.budget_used_pct)
            )
        case QueueIs(target, bounds):
            return lambda evidence: bounds.has(evidence.facts.load.queue_ms.get(target, 0.0))
        case HealthIs(target, wanted):
            return lambda evidence: evidence.states.get(target, "ready") in wanted


def _by_the_clock(window: Within) -> Test:
    # No clock on a wall jumps within a minute, and to ask a time zone takes as long as six other conditions.
    in_minute = lru_cache(maxsize=2)(lambda minute: is_within(window, 60.0 * minute))
    return lambda evidence: None if evidence.facts.at is None else in_minute(evidence.facts.at // 60)


def _any(tests: list[Test]) -> Test:
    def holds_one(evidence: Evidence) -> Truth:
        unknown = False
        for test in tests:
            truth = test(evidence)
            if truth:
                return True
            unknown = unknown or truth is None
        return None if unknown else False

    return holds_one


def _all(tests: list[Test]) -> Test:
    def hold_all(evidence: Evidence) -> Truth:
        unknown = False
        for test in tests:
            truth = test(evidence)
            if truth is False:
                return False
            unknown = unknown or truth is None
        return None if unknown else True

    return hold_all


def _not(test: Test) -> Test:
    def holds_not(evidence: Evidence) -> Truth:
        truth = test(evidence)
        return None if truth is None else not truth

    return holds_not


test_of = ByIdentity(_made)
"""The function that tells whether a condition holds."""
