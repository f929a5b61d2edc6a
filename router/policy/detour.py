"""Where a request starts instead of its target: at one that is less busy, or at a cheaper one that is checked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from router.config import Policy, Rule, Verify
from router.policy.decision import Facts, Verification

SPILL = "spill"
VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Crossroads:
    """Where a decision stands: `rule` has led to `start`. `states` holds only the targets that no guard bars."""

    policy: Policy
    rule: Rule
    start: str
    facts: Facts
    score: float | None
    states: Mapping[str, str]

    def wait_ms(self, target: str) -> float:
        """How long a request would wait for `target`."""
        return self.facts.load.queue_ms.get(target, 0.0)


@dataclass(frozen=True, slots=True)
class Detour:
    """The target to start at, why (None is what led to it anyway), and how its answer is checked."""

    to: str
    reason: str | None
    verification: Verification | None = None


def detour_of(at: Crossroads) -> Detour | None:
    """The better way, if there is one. A queue that is too long to wait in is too long to check an answer in."""
    checked = _checked(at)
    spilled = _spilled(at, at.start if checked is None else checked.to)
    if spilled is None:
        return checked
    return None if spilled.to == at.start else spilled


def _spilled(at: Crossroads, start: str) -> Detour | None:
    """A queue that is shorter than the other target's usual time to the first token is waited in, however long."""
    spill = at.policy.spill
    if spill is None or spill.source != start or at.states.get(spill.to) != "ready":
        return None
    usual_ms = at.facts.load.first_ms.get(spill.to, 0.0)
    return Detour(spill.to, SPILL) if at.wait_ms(start) > max(spill.queue_ms, usual_ms) else None


def _checked(at: Crossroads) -> Detour | None:
    """Checked is what `target` answers, and in the uncertain band also what would have gone to `escalate_to`."""
    verify = at.policy.verify
    if verify is None or not (_is_open(at, verify) and _is_uncertain(at, verify)):
        return None
    score = None if verify.line is None else at.score
    terms = Verification(verify.escalate_to, verify.floor, verify.hold_tokens, verify.max_added_ms, verify.line, score)
    return Detour(verify.target, None if at.start == verify.target else VERIFY, terms)


def _is_open(at: Crossroads, verify: Verify) -> bool:
    is_ready = at.states.get(verify.target) == "ready" and at.states.get(verify.escalate_to) == "ready"
    return is_ready and at.wait_ms(verify.target) < verify.max_added_ms


def _is_uncertain(at: Crossroads, verify: Verify) -> bool:
    abstain = at.rule.abstain
    band = verify.band or (None if abstain is None else (abstain.start, abstain.stop))
    if band is None:
        return at.start == verify.target
    is_between = at.score is not None and band[0] <= at.score < band[1]
    # Only a score can be uncertain: a rule that names the large model means it.
    is_led_by_score = at.start == verify.escalate_to and at.rule.threshold is not None
    return is_between and (at.start == verify.target or is_led_by_score)
