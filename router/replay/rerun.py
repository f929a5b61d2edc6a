"""What a policy would have decided about a request that is over, with every model ready."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations

from classifiers.conversation import user_text
from router.caller import Caller
from router.chat import ChatRequest, Usage
from router.condition import Always, Condition, Not
from router.config import Config, Guard, ModelConfig, Policy, Rule
from router.errors import RouterError
from router.ledger.prices import Prices
from router.policy.decision import Decision, Facts
from router.policy.evidence import Evidence, JudgementLike
from router.policy.facts import facts_of
from router.policy.plan import decide, needs_score
from router.policy.routes import resolve_model
from router.policy.truth import Truth
from router.replay.past import Past
from router.replay.regions import Regions
from router.replay.telling import History, Recorded, evidence_of, truth

MAX_OPEN = 5
"""Unknown conditions of one request that are tried both ways."""
NEVER = Not(Always())


@dataclass(frozen=True, slots=True)
class Would:
    """What would have come out: a target with its rule and cost, the code of an error, or what it cannot be told for."""

    target: str | None = None
    rule: str | None = None
    cost_usd: float | None = None
    error: str | None = None
    unknown: str | None = None
    is_checked: bool = False


class Candidate:
    """A policy file on trial. `history` is of the policy that was in force, for what the ledger does not keep."""

    def __init__(self, config: Config, judge: Callable[[str], JudgementLike], history: History) -> None:
        self.config = config
        self.prices = Prices.load(config)
        self._judge = judge
        self._history = history
        self._fixed: dict[tuple[object, ...], Config] = {}
        self._regions = Regions(config)
        self._known: dict[tuple[object, ...], Would] = {}

    def would(self, past: Past) -> Would:
        """The decision about `past`, from its words where there are any, otherwise from what its record tells."""
        try:
            return self._by_words(past) if past.messages is not None else self._alike(past)
        except RouterError as error:
            return Would(error=error.code)

    def cost(self, target: str, past: Past, usage: Usage) -> float | None:
        """USD: what it did cost where the target is the same, otherwise the price of the same tokens, none of them cached."""
        if target == past.target and past.cost_usd is not None:
            return past.cost_usd
        return self.prices.cost(target, usage if target == past.target else replace(usage, cached_tokens=0))

    def _by_words(self, past: Past) -> Would:
        messages = past.messages or ()
        request = ChatRequest(past.asked, messages, None, stream=False, include_usage=False, params=past.params)
        facts = replace(facts_of(request, past.headers), caller=Caller(past.tags), at=past.at)
        if past.prompt_tokens:
            facts = replace(facts, prompt_tokens=past.prompt_tokens)
        judgement: JudgementLike | None = None
        if past.score is not None:
            judgement = Recorded(past.score, past.task or "")
        elif needs_score(self.config, past.asked):
            judgement = self._judge(user_text(messages))
        return self._outcome(decide(self.config, past.asked, facts, judgement, {}), past, facts)

    def _alike(self, past: Past) -> Would:
        """As for the first request that nothing tells from this one; the cost is its own."""
        region = self._regions.of(past)
        found = self._known.get(region)
        if found is None:
            asked = resolve_model(self.config, past.asked)
            found = self._known[region] = self._by_record(past, asked)
        if found.target is None:
            return found
        usage = Usage(past.prompt_tokens, past.completion_tokens, past.cached_tokens)
        return replace(found, cost_usd=self.cost(found.target, past, usage))

    def _by_record(self, past: Past, asked: Policy | ModelConfig) -> Would:
        evidence, told = evidence_of(past), self._history.told(past)
        rules = _ahead(asked.select, evidence, told) if isinstance(asked, Policy) else []
        guards = [(guard, truth(guard.when, evidence, told)) for guard in self.config.guards]
        open_rules = [rule.id for rule, held in rules if held is None]
        open_guards = [f"guard {guard.id}" for guard, held in guards if held is None]
        open_ones = open_rules + open_guards
        if past.score is None and any(rule.threshold is not None for rule, held in rules if held is not False):
            return Would(unknown="no score was recorded")
        if len(open_ones) > MAX_OPEN:
            return Would(unknown=", ".join(open_ones))
        found = {
            self._decided(past, evidence, asked, rules, guards, frozenset(chosen))
            for chosen in _ways(open_rules, open_guards)
        }
        return (
            found.pop()
            if len({(would.target, would.error) for would in found}) == 1
            else Would(unknown=", ".join(open_ones))
        )

    def _decided(  # noqa: PLR0913, PLR0917 - a request and one way that it may have been
        self,
        past: Past,
        evidence: Evidence,
        asked: Policy | ModelConfig,
        rules: list[tuple[Rule, Truth]],
        guards: list[tuple[Guard, Truth]],
        held: frozenset[str],
    ) -> Would:
        truths = (
            *(rule.id in held if known is None else known for rule, known in rules),
            *(f"guard {guard.id}" in held if known is None else known for guard, known in guards),
        )
        key = (asked.name, *(rule.id for rule, _ in rules), truths)
        if key not in self._fixed:
            self._fixed[key] = _fixed(self.config, asked, rules, truths)
        try:
            decision = decide(self._fixed[key], past.asked, evidence.facts, evidence.judgement, {})
        except RouterError as error:
            return Would(error=error.code)
        return self._outcome(decision, past, evidence.facts)

    def _outcome(self, decision: Decision, past: Past, facts: Facts) -> Would:
        usage = Usage(past.prompt_tokens or facts.prompt_tokens, past.completion_tokens, past.cached_tokens)
        cost = self.cost(decision.target, past, usage)
        return Would(decision.target, decision.rule, cost, is_checked=decision.verification is not None)


def _ahead(select: tuple[Rule, ...], evidence: Evidence, told: Mapping[Condition, bool]) -> list[tuple[Rule, Truth]]:
    """The rules up to the first that certainly held."""
    found: list[tuple[Rule, Truth]] = []
    for rule in select:
        held = truth(rule.when, evidence, told)
        found.append((rule, held))
        if held:
            break
    return found


def _ways(open_rules: list[str], open_guards: list[str]) -> Iterator[tuple[str, ...]]:
    """Whatever may have held: of the rules only the first that does matters, of the guards every set of them."""
    firsts = [(), *((name,) for name in open_rules)]
    bound = chain.from_iterable(combinations(open_guards, size) for size in range(len(open_guards) + 1))
    yield from (rule + guards for guards in bound for rule in firsts)


def _fixed(
    config: Config, asked: Policy | ModelConfig, rules: list[tuple[Rule, Truth]], truths: tuple[Truth, ...]
) -> Config:
    """The configuration with every condition replaced by whether it held, so that the decision itself is the real one."""
    guards = tuple(
        replace(guard, when=Always() if held else NEVER)
        for guard, held in zip(config.guards, truths[len(rules) :], strict=True)
    )
    if isinstance(asked, ModelConfig):
        return replace(config, guards=guards)
    select = tuple(
        replace(rule, when=Always() if held else NEVER) for (rule, _), held in zip(rules, truths, strict=False)
    )
    rest = asked.select[len(rules) :]
    fixed = replace(asked, select=(*select, *rest), session=None)
    return replace(config, guards=guards, policies={**config.policies, asked.name: fixed})
