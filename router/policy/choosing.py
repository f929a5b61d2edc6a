"""What the rules say of a request, and what its session and its own wish make of that; before guards and health. Pure."""

from dataclasses import dataclass, replace
from itertools import accumulate

from router.config import CacheTerms, Config, ModelConfig, Overrides, Policy, Rule
from router.policy.decision import Facts
from router.policy.evidence import Evidence, JudgementLike
from router.policy.memo import ByIdentity
from router.policy.optout import route_of
from router.policy.routes import ASKED, DIRECT, adapter_of, reach
from router.policy.session import key_of, settled, share_of
from router.policy.truth import Test, test_of

SESSION = "session"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the rules say, before guards and health."""

    policy: str
    rule: str
    wanted: str
    reason: str
    reach: tuple[str, ...]
    on_failure: tuple[str, ...] = ()
    adapter: str | None = None
    by: tuple[Policy, Rule] | None = None
    overrides: Overrides | None = None
    cache: CacheTerms | None = None


def directly(config: Config, name: str, model: ModelConfig) -> Choice:
    """The choice of a client that names a model."""
    return Choice(DIRECT, ASKED, model.name, ASKED, (model.name,), adapter=adapter_of(config, name))


def choose(config: Config, policy: Policy, evidence: Evidence) -> Choice:
    """The request's own wish, otherwise the first rule that holds, as far as the session goes along.

    Raises:
        BadRequest: the request wishes for a target that the policy cannot use.
    """
    reached = reach(policy)
    asked = route_of(policy, reached, evidence.facts)
    if asked is not None:
        return Choice(policy.name, ASKED, asked, ASKED, reached, policy.on_failure)
    rule, chosen, reason = _by_rules(config, policy, reached, evidence)
    past = evidence.facts.past
    target = settled(config, policy, chosen, evidence.facts) if past in reached else chosen
    return Choice(
        policy=policy.name,
        rule=rule.id,
        wanted=target,
        reason=reason if target == chosen else SESSION,
        reach=reached,
        on_failure=policy.on_failure,
        adapter=rule.adapter if target == rule.target else None,
        by=(_unchecked(policy) if _is_held(policy, target, evidence) else policy, rule),
        overrides=rule.overrides,
        cache=rule.cache,
    )


def wanted(config: Config, policy: Policy, facts: Facts, judgement: JudgementLike | None) -> str:
    """The target that the policy wants for a turn, whatever guards and health say."""
    return choose(config, policy, Evidence(facts, judgement)).wanted


def _is_held(policy: Policy, target: str, evidence: Evidence) -> bool:
    session = policy.session
    return session is not None and session.mode != "free" and target == evidence.facts.past


def _unchecked(policy: Policy) -> Policy:
    """The policy without its cascade, which would begin a turn below the target that its conversation is held at."""
    return replace(policy, verify=None)


def _by_rules(config: Config, policy: Policy, reached: tuple[str, ...], evidence: Evidence) -> tuple[Rule, str, str]:
    """The first rule that holds, its target and its reason; rules that cannot be evaluated are passed over."""
    reason = "rule"
    for rule, test in _tested(policy):
        truth = test(evidence)
        if truth is False:  # as nearly all are
            continue
        if truth and rule.threshold is not None and evidence.judgement is None:
            truth = None
        if truth is None:
            reason = "classifier_failed"
        else:
            reason = "abstained" if _abstains(rule, evidence.judgement) else reason
            return rule, _target(policy, rule, evidence), reason
    return policy.select[-1], _highest(config, reached), reason


def _target(policy: Policy, rule: Rule, evidence: Evidence) -> str:
    judgement = evidence.judgement
    if rule.split:
        return _drawn(rule, share_of(key_of(policy.session, evidence.facts), f"{policy.name}/{rule.id}"))
    if rule.threshold is None or judgement is None:
        return str(rule.target)
    if rule.abstain is not None and _abstains(rule, judgement):
        return rule.abstain.target
    return str(rule.low if judgement.score < rule.threshold else rule.high)


def _drawn(rule: Rule, share: float) -> str:
    """The target in whose part of the whole `share` lies; a part that grows at the end keeps those it had."""
    weights = [weight for _, weight in rule.split]
    at = share * sum(weights)
    drawn = (name for (name, _), edge in zip(rule.split, accumulate(weights), strict=True) if at < edge)
    return next(drawn, rule.split[-1][0])


def _abstains(rule: Rule, judgement: JudgementLike | None) -> bool:
    band = rule.abstain
    return band is not None and judgement is not None and band.start <= judgement.score < band.stop


def _highest(config: Config, reached: tuple[str, ...]) -> str:
    return next((tier for tier in reversed(config.tiers) if tier in reached), reached[-1])


def _with_tests(policy: Policy) -> tuple[tuple[Rule, Test], ...]:
    return tuple((rule, test_of(rule.when)) for rule in policy.select)


_tested = ByIdentity(_with_tests)
