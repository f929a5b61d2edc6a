"""Whether one condition holds for every request for which another holds. Pure; a no may be for want of insight."""

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
    PromptTokensIs,
    QueueIs,
    Range,
    ScoreIs,
    SideCallIs,
    SimilarTo,
    TaskIs,
    TurnsIs,
)


def implies(one: Condition, other: Condition) -> bool:
    """True when `other` certainly holds wherever `one` does."""
    if other in {Always(), one}:
        return True
    match one, other:
        case AnyOf(inner), _:
            return all(implies(part, other) for part in inner)
        case _, AllOf(inner):
            return all(implies(one, part) for part in inner)
        case AllOf(inner), _ if any(implies(part, other) for part in inner):
            return True
        case _, AnyOf(inner):
            return any(implies(one, part) for part in inner)
        case _:
            return _narrower(one, other)


def _narrower(one: Condition, other: Condition) -> bool:
    return _names_fewer(one, other) or _is_within(one, other)


def _names_fewer(one: Condition, other: Condition) -> bool:
    match one, other:
        case (HeaderIs(name, few), HeaderIs(also, many)) | (HealthIs(name, few), HealthIs(also, many)):
            return name == also and few <= many
        case (TaskIs(few), TaskIs(many)) | (LanguageIs(few), LanguageIs(many)) | (CallerIs(few), CallerIs(many)):
            return few <= many
        case (
            (SideCallIs(few), SideCallIs(many)) | (ClientIs(few), ClientIs(many)) | (ModalityIs(few), ModalityIs(many))
        ):
            return few <= many
        case (Matches(some, where), Matches(more, also)) | (Mentions(some, where), Mentions(more, also)):
            return where == also and set(some) <= set(more)
        case HasPii(kinds), HasPii(more_kinds):
            return set(kinds) <= set(more_kinds)
        case _:
            return False


def _is_within(one: Condition, other: Condition) -> bool:
    match one, other:
        case ScoreIs(), ScoreIs():
            return other.gte <= one.gte and one.lt <= other.lt
        case (QueueIs(name, few), QueueIs(also, many)) | (SimilarTo(name, few), SimilarTo(also, many)):
            return name == also and _covers(many, few)
        case (
            (ConfidenceIs(few), ConfidenceIs(many))
            | (PromptTokensIs(few), PromptTokensIs(many))
            | (TurnsIs(few), TurnsIs(many))
            | (BudgetIs(few), BudgetIs(many))
        ):
            return _covers(many, few)
        case _:
            return False


def _covers(wide: Range, narrow: Range) -> bool:
    # (bound, is open): a closed bound admits one number more than an open one.
    low, high = max((narrow.gt, 1), (narrow.gte, 0)), min((narrow.lt, -1), (narrow.lte, 0))
    return max((wide.gt, 1), (wide.gte, 0)) <= low and high <= min((wide.lt, -1), (wide.lte, 0))
