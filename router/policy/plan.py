"""The decision: facts, judgement and health in, a plan out. Pure: no I/O, no clock, no logging.

1. The first rule that holds gives `wanted`. When the classifier failed, rules that need it are passed over; a later
   rule that does not need it decides, otherwise the highest tier that the policy names. The session may keep the
   conversation where it is.
2. Guards bar targets. If `wanted` is barred, the request starts at the next tier up that is not, or else the next one
   down, or else the first of `on_failure`.
3. While the start is a local model that is too busy, `spill` may put another target before it; where
   the score is uncertain, `verify` may put a local model before it whose answer is checked.
4. The start and then `on_failure` make the plan; what is barred, down or missing is left out, what is still loading
   and then what keeps failing (`shut`) comes last. Only targets that the policy names are ever used. A model asked for
   by name has no other target.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from router.config import Config, Policy
from router.errors import NoTargetAvailable, RouterError
from router.policy.choosing import Choice, choose, directly
from router.policy.conditions import needs_judgement
from router.policy.decision import Decision, Facts, Refusal
from router.policy.detour import SPILL, Crossroads, Detour, detour_of
from router.policy.evidence import Evidence, JudgementLike
from router.policy.guards import Veto, refusal, vetoes
from router.policy.memo import ByIdentity
from router.policy.optout import limits_of
from router.policy.overriding import extra_tokens
from router.policy.routes import resolve_model

RETRY_AFTER_S = 5.0
UNUSABLE = frozenset({"down", "missing"})
LAST = {"loading": 1, "shut": 2}


@dataclass(frozen=True, slots=True)
class _Field:
    """The targets of one request: what the rules say of them, what the guards say, and how they are."""

    config: Config
    choice: Choice
    barred: Mapping[str, Veto]
    states: Mapping[str, str]

    def order(self) -> tuple[str, ...]:
        """Where the request may start or go on, best first; other tiers stand in only for a target that is barred."""
        choice, tiers = self.choice, self.config.tiers
        if choice.wanted not in self.barred:
            return (choice.wanted, *choice.on_failure)
        rank = tiers.index(choice.wanted) if choice.wanted in tiers else -1
        nearest = (*tiers[rank + 1 :], *reversed(tiers[: max(rank, 0)]))
        return (choice.wanted, *(tier for tier in nearest if tier in choice.reach), *choice.on_failure)

    def usable(self, names: Iterable[str]) -> tuple[str, ...]:
        """The plan: each name once, none that is barred, down or missing; what fails or still loads comes last."""
        allowed = [name for name in dict.fromkeys(names) if not self._is_out(name)]
        return tuple(sorted(allowed, key=lambda name: LAST.get(self.states.get(name, "ready"), 0)))

    def detour(self, start: str, facts: Facts, judgement: JudgementLike | None) -> Detour | None:
        """The better way than `start`, among the targets that no guard bars."""
        if self.choice.by is None:
            return None
        allowed = {name: self.states.get(name, "ready") for name in self.choice.reach if name not in self.barred}
        score = None if judgement is None else judgement.score
        return detour_of(Crossroads(*self.choice.by, start, facts, score, allowed))

    def reason(self, start: str, target: str) -> str:
        """Why `target` answers. A tier that is not configured is told on every answer, so that nobody overlooks it."""
        if target != start:
            return f"{start}_unavailable"
        unset = [tier for tier in self.config.tiers if tier in self.choice.reach and self._is_missing(tier)]
        if unset:
            return f"{unset[-1]}_unavailable"
        wanted = self.choice.wanted
        return self.choice.reason if start == wanted else f"guard:{self.barred[wanted].guard}"

    def refusals(self, names: Iterable[str]) -> Iterable[Refusal]:
        """Why each of `names` that is out is out."""
        for name in names:
            state = self.states.get(name, "ready")
            if name in self.barred:
                yield Refusal(name, self.barred[name].guard, self.barred[name].why)
            elif state in UNUSABLE:
                yield Refusal(name, state, self.config.models[name].missing or f"is {state}")

    def nothing_left(self, order: Iterable[str], facts: Facts) -> RouterError:
        """The error to raise. A target that is not configured is as good as absent; one that is down may come back."""
        names = tuple(dict.fromkeys(order))
        present = [name for name in names if not self._is_missing(name)]
        may_return = any(name not in self.barred for name in present)
        if present and not may_return:
            return refusal({name: self.barred[name] for name in present}, facts)
        reasons = "; ".join(f"{out.target}: {out.why}" for out in self.refusals(names))
        retry_after_s = RETRY_AFTER_S if may_return else None
        return NoTargetAvailable(f"No target is available ({reasons}).", retry_after_s=retry_after_s)

    def _is_missing(self, name: str) -> bool:
        return self.states.get(name) == "missing"

    def _is_out(self, name: str) -> bool:
        return name in self.barred or self.states.get(name) in UNUSABLE


def decide(
    config: Config,
    request_model: str,
    facts: Facts,
    judgement: JudgementLike | None,
    states: Mapping[str, str],
) -> Decision:
    """Decide which targets may answer, in order.

    `states` maps a target to ready, unloaded, loading, shut (left alone because it keeps failing), down or missing.

    Raises:
        ModelNotFound: nothing is called `request_model`.
        ContextLengthExceeded, GuardRefused, BadRequest: the guards, or the request itself, bar every target.
        Forbidden: the caller sent a header that it may not use.
        NoTargetAvailable: every target that the guards allow is down or missing.
    """
    if judgement is not None and not math.isfinite(judgement.score):
        judgement = None
    evidence = Evidence(facts, judgement, states)
    asked = resolve_model(config, request_model)
    limits = limits_of(facts)
    choice = choose(config, asked, evidence) if isinstance(asked, Policy) else directly(config, request_model, asked)
    barred = vetoes(config, choice.reach, evidence.longer_by(extra_tokens(choice.overrides)), limits)
    field = _Field(config, choice, barred, states)
    order = field.order()
    start = next((name for name in order if name not in field.barred), choice.wanted)
    detour = field.detour(start, facts, judgement)
    targets = field.usable((start if detour is None else detour.to, start, *choice.on_failure))
    if not targets:
        raise field.nothing_left(order, facts)
    return Decision(
        policy=choice.policy,
        rule=choice.rule,
        wanted=choice.wanted,
        targets=targets,
        reason=(detour and detour.reason) or field.reason(start, targets[0]),
        refusals=tuple(field.refusals(choice.reach)),
        score=None if judgement is None else judgement.score,
        task=None if judgement is None else judgement.task,
        adapter=choice.adapter,
        due=detour.to if detour and detour.verification else start,
        spilled_from=start if detour and detour.reason == SPILL else None,
        verification=detour.verification if detour else None,
        overrides=choice.overrides,
        cache=choice.cache,
    )


def needs_score(config: Config, request_model: str) -> bool:
    """True when deciding this request takes a judgement.

    Raises:
        ModelNotFound: nothing is called `request_model`.
    """
    asked = resolve_model(config, request_model)
    is_guarded = any(needs_judgement(guard.when) for guard in config.guards)
    return is_guarded or (isinstance(asked, Policy) and _is_judged(asked))


def _looks_at_judgement(policy: Policy) -> bool:
    verify = policy.verify
    is_checked = verify is not None and (verify.band is not None or verify.line is not None)
    return is_checked or any(rule.threshold is not None or needs_judgement(rule.when) for rule in policy.select)


_is_judged = ByIdentity(_looks_at_judgement)
