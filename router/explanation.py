"""Why a request goes where it goes, in the form that `/v1/route` and `shunt route` show."""

from dataclasses import asdict

from router.chat import ChatRequest, Usage
from router.runtime import Runtime, Verdict

EXPECTED_COMPLETION_TOKENS = 256  # used when the client sets no limit; the answer says so
MAX_CONTRIBUTIONS = 8


def explain(runtime: Runtime, request: ChatRequest, verdict: Verdict) -> dict[str, object]:
    """The decision with the score's strongest contributions (in log-odds) and the expected cost of each target in USD."""
    decision, facts = verdict.decision, verdict.facts
    prompt_tokens = facts.exact_tokens.get(decision.target, facts.prompt_tokens)
    expected = Usage(prompt_tokens, request.max_tokens or EXPECTED_COMPLETION_TOKENS)
    moved = runtime.classifier.explain(verdict.text)[:MAX_CONTRIBUTIONS] if verdict.text else ()
    return {
        "model": request.model,
        "policy": decision.policy,
        "rule": decision.rule,
        "reason": decision.reason,
        "target": decision.target,
        "wanted": decision.wanted,
        "plan": list(decision.targets),
        "score": decision.score,
        "task": decision.task,
        "moved_by": [asdict(contribution) for contribution in moved],
        "guards": [asdict(refusal) for refusal in decision.refusals],
        "facts": {
            "needs": sorted(facts.needs),
            "prompt_tokens": prompt_tokens,
            "prompt_tokens_exact": decision.target in facts.exact_tokens,
            "turns": facts.turns,
            "side_call": facts.side_call,
        },
        "expected": {
            "completion_tokens": expected.completion_tokens,
            "cost_usd": {name: runtime.prices.cost(name, expected) for name in runtime.targets},
        },
    }
