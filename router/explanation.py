"""Why a request goes where it goes, in the form that `/v1/route` and `shunt route` show."""

from collections.abc import Mapping
from dataclasses import dataclass

from classifiers import Contribution
from router.chat import ChatRequest, Usage
from router.policy.decision import Refusal
from router.runtime import Runtime, Verdict

EXPECTED_COMPLETION_TOKENS = 256  # assumed when the client sets no limit; shown beside the cost
MAX_CONTRIBUTIONS = 8


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with what made it. Contributions are in log-odds, the strongest first; costs in USD, None unknown.

    `similar_to` is the cosine with each set of examples that the policy compares with.
    """

    model: str
    policy: str
    rule: str
    reason: str
    target: str
    wanted: str
    adapter: str | None
    plan: tuple[str, ...]
    score: float | None
    task: str | None
    moved_by: tuple[Contribution, ...]
    similar_to: Mapping[str, float]
    guards: tuple[Refusal, ...]
    needs: tuple[str, ...]
    prompt_tokens: int
    prompt_tokens_exact: bool
    turns: int
    side_call: str | None
    expected_completion_tokens: int
    expected_cost_usd: Mapping[str, float | None]


def explain(runtime: Runtime, request: ChatRequest, verdict: Verdict) -> Explanation:
    """The decision with the score's strongest contributions and the expected cost on each target."""
    decision, facts = verdict.decision, verdict.facts
    prompt_tokens = facts.exact_tokens.get(decision.target, facts.prompt_tokens)
    expected = Usage(prompt_tokens, request.max_tokens or EXPECTED_COMPLETION_TOKENS)
    return Explanation(
        model=request.model,
        policy=decision.policy,
        rule=decision.rule,
        reason=decision.reason,
        target=decision.target,
        wanted=decision.wanted,
        adapter=decision.adapter,
        plan=decision.targets,
        score=decision.score,
        task=decision.task,
        moved_by=tuple(runtime.classifier.explain(verdict.text)[:MAX_CONTRIBUTIONS]) if verdict.text else (),
        similar_to={name: round(cosine, 3) for name, cosine in facts.similarity.items()},
        guards=decision.refusals,
        needs=tuple(sorted(facts.needs)),
        prompt_tokens=prompt_tokens,
        prompt_tokens_exact=decision.target in facts.exact_tokens,
        turns=facts.turns,
        side_call=facts.side_call,
        expected_completion_tokens=expected.completion_tokens,
        expected_cost_usd={name: runtime.prices.cost(name, expected) for name in runtime.targets},
    )
