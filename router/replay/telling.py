"""What can be told of a condition when nobody kept the words and headers of a request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from router.caller import Caller
from router.condition import (
    AllOf,
    Always,
    AnyOf,
    CallerIs,
    Condition,
    Not,
    PromptTokensIs,
    ScoreIs,
    TaskIs,
    Within,
)
from router.config import Config, Guard, Policy
from router.policy.decision import Facts
from router.policy.evidence import Evidence
from router.policy.truth import Truth, test_of
from router.replay.past import Past

SESSION = "x-session-id"  # a split draws by it: the record does not say which conversation it was
RECORDED = (CallerIs, PromptTokensIs, ScoreIs, TaskIs, Within)
"""The conditions that look at nothing but what the ledger keeps."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The classifier's judgement as the ledger keeps it."""

    score: float
    task: str
    task_probability: float = 1.0


def evidence_of(past: Past) -> Evidence:
    """What the record says of a request; it needs chat, for all that is known."""
    facts = Facts(
        headers={SESSION: past.place},
        needs=frozenset({"chat"}),
        prompt_tokens=past.prompt_tokens,
        caller=Caller(past.tags),
        at=past.at,
        model=past.asked,
    )
    return Evidence(facts, None if past.score is None else Recorded(past.score, past.task or ""))


class History:
    """What the policy that was in force has found out about requests: which of its rules held, and which did not."""

    def __init__(self, config: Config | None) -> None:
        self._config = config
        self._told: dict[tuple[object, ...], Mapping[Condition, bool]] = {}

    def told(self, past: Past) -> Mapping[Condition, bool]:
        """The conditions whose truth follows from what happened."""
        key = (past.asked, past.rule, past.reason, past.target, past.score is None)
        if key not in self._told:
            self._told[key] = self._infer(past)
        return self._told[key]

    def _infer(self, past: Past) -> Mapping[Condition, bool]:
        config = self._config
        if config is None or past.reason == "classifier_failed":
            return {}
        found: dict[Condition, bool] = {}
        for guard in config.guards:
            bound = _bound(config, guard, past)
            if bound is not None:
                found[guard.when] = bound
        policy = config.policies.get(past.asked)
        return found if policy is None else found | _before(policy, past)


def truth(condition: Condition, evidence: Evidence, told: Mapping[Condition, bool]) -> Truth:
    """Whether the condition held; None when that cannot be told."""
    if condition in told:
        return told[condition]
    match condition:
        case Always():
            return True
        case AnyOf(inner):
            return _any({truth(part, evidence, told) for part in inner})
        case AllOf(inner):
            opposite = _any({_not(truth(part, evidence, told)) for part in inner})
            return _not(opposite)
        case Not(part):
            return _not(truth(part, evidence, told))
        case _:
            return test_of(condition)(evidence) if isinstance(condition, RECORDED) else None


def _before(policy: Policy, past: Past) -> dict[Condition, bool]:
    """Rules above the one that chose did not hold; those that look at the score are passed over without one."""
    at = next((index for index, rule in enumerate(policy.select) if rule.id == past.rule), None)
    if at is None:
        return {}
    above = [rule for rule in policy.select[:at] if rule.threshold is None or past.score is not None]
    return {rule.when: False for rule in above} | {policy.select[at].when: True}


def _bound(config: Config, guard: Guard, past: Past) -> bool | None:
    """Whether the guard bound the request; None when nothing tells."""
    model = config.models.get(past.target or "")
    if past.reason == f"guard:{guard.id}":
        return True
    is_forbidden = model is not None and guard.allow_zone is not None and model.zone not in guard.allow_zone
    return False if is_forbidden else None


def _any(truths: set[Truth]) -> Truth:
    return True if True in truths else (None if None in truths else False)


def _not(value: Truth) -> Truth:
    return None if value is None else not value
