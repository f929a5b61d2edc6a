"""CPU of one decision: 30 rules and 3 guards that use every condition, of which only the last rule matches."""

import statistics
import time

from benchmarks.pace import reference_ms
from classifiers import Judgement
from router.chat import ChatRequest
from router.config import Config
from router.policy import decide, needs_score
from router.policy.decision import Facts
from router.policy.document import parse
from router.policy.facts import facts_of
from router.policy.loading import Source, compiled
from router.policy.schema_conditions import ConditionTable

ROUNDS = 9
TIMES = 500
BAR_US = 100.0
SENTENCE = (
    "Could you please look at the minutes of 12 March 2026 and explain why the plan for spring has changed so much? "
)
# Each holds for no request below, so that every rule is looked at to its end.
CONDITIONS = (
    "header: {x-team: [red, blue]}",
    "caller: [beta]",
    'model: ["gpt-*", claude]',
    "task: [sentiment, extraction]",
    "language: [de, fr, it]",
    "score: {gte: 0.9}",
    "confidence: {lt: 0.1}",
    "prompt_tokens: {gt: 60000}",
    "turns: {gt: 40}",
    "has_tools: true",
    "wants_json: true",
    "modality: [image, audio]",
    "side_call: [title, tags]",
    "client: [claude-code, codex]",
    "keyword: [refund, complaint, lawyer]",
    'regex: ["TICKET-[0-9]{4,}", "(?i)secret project"]',
    "pii: [email, iban, card, phone, ip, national_id]",
    'time: {from: "03:00", to: "04:00", tz: Europe/Zurich}',
    "budget_used_pct: {gte: 80}",
    "queue_ms: {small: {gt: 5000}}",
    "health: {large: [down, shut]}",
    "keyword: {any: [urgent, asap], in: last}",
    'regex: {any: ["order [0-9]{6,}"], in: user}',
    "any: [{caller: [beta]}, {turns: {gt: 40}}, {pii: [iban]}]",
    "all: [{has_tools: false}, {wants_json: false}, {language: [es, pt]}]",
    "task: [code], confidence: {gte: 0.99}",
    "not: {any: [{turns: {lte: 40}}, {header: {x-team: green}}]}",
    "prompt_tokens: {lt: 5}",
    "model: [nobody]",
)
FILE = """\
version: 1
models:
  small: {backend: llama.cpp, source: small.gguf, context: 100000}
  large: {backend: openai, base_url: "http://127.0.0.1:9/v1", model: big, context: 200000}
tiers: [small, large]
guards:
  - {id: privacy, when: {pii: [email, iban, card, phone, ip, national_id]}, allow_zone: [local]}
  - {id: marked, when: {keyword: [confidential, restricted]}, allow_zone: [local]}
  - {id: fits, when: always, require: [context, tools, modality, json]}
policies:
  auto:
    session: {mode: rise_only}
    on_failure: [large, small]
    select:
"""


def run() -> dict[str, object]:
    """Microseconds of CPU from the facts of a request to its decision, by its length, round by round with the machine's pace.

    Of each round the median of `TIMES`; `p50` is the median of the rounds, `lowest` the lowest of them, `p99` of all.
    """
    config = policy_file()
    prompts = {
        "one sentence": SENTENCE,
        "100 words": SENTENCE * 5,
        "10 turns": SENTENCE * 5,
        "5000 words": SENTENCE * 250,
    }
    return {
        "rules": len(config.policies["auto"].select),
        "conditions": len(
            {
                name
                for name in ConditionTable.model_fields
                if name not in {"always", "any_", "all_", "not_", "similar_to"}
            }
        ),
        "bar_us": BAR_US,
        "decide_cpu_us": _costs(
            config, {name: _request(text, 10 if name == "10 turns" else 1) for name, text in prompts.items()}
        ),
    }


def policy_file() -> Config:
    """The policy that is measured."""
    rules = [f"      - {{id: r{at}, when: {{{when}}}, target: small}}" for at, when in enumerate(CONDITIONS)]
    text = FILE + "\n".join([*rules, "      - {id: default, target: large}", ""])
    return compiled(parse(text.encode(), "benchmark"), Source(None, {}))


def lines(result: dict[str, object]) -> list[str]:
    """The result for a terminal."""
    costs = result["decide_cpu_us"]
    if not isinstance(costs, dict):
        raise TypeError("decide_cpu_us is not an object")
    return [
        f"{name:14} {cost['p50']:>7} us p50, lowest {cost['lowest']:>7}, p99 {cost['p99']:>7}"
        for name, cost in costs.items()
    ]


def _request(text: str, turns: int) -> ChatRequest:
    messages = [{"role": role, "content": text} for _ in range(turns) for role in ("user", "assistant")][:-1]
    system = {"role": "system", "content": "You are a helpful assistant."}
    return ChatRequest("auto", (system, *messages), None, stream=True, include_usage=False, params={})


def _costs(config: Config, requests: dict[str, ChatRequest]) -> dict[str, dict[str, float]]:
    found: dict[str, list[list[float]]] = {name: [] for name in ("reference", *requests)}
    for _ in range(ROUNDS):
        found["reference"].append([1e3 * reference_ms()])
        for name, request in requests.items():
            found[name].append(_round(config, request))
    return {name: _summary(rounds) for name, rounds in found.items()}


def _round(config: Config, request: ChatRequest) -> list[float]:
    """Microseconds of each decision."""
    headers = {"user-agent": "OpenAI/Python 2.54.0", "accept": "application/json", "x-session-id": "41"}
    judgement, states = Judgement(0.4, "chat", 0.7), {"small": "ready", "large": "ready"}
    spent = []
    for _ in range(TIMES):
        facts = _at_noon(facts_of(request, headers))
        start = time.thread_time_ns()
        needs_score(config, "auto")
        decide(config, "auto", facts, judgement, states)
        spent.append((time.thread_time_ns() - start) / 1e3)
    return spent


def _summary(rounds: list[list[float]]) -> dict[str, float]:
    medians = [statistics.median(spent) for spent in rounds]
    every = sorted(one for spent in rounds for one in spent)
    found = {"p50": statistics.median(medians), "lowest": min(medians), "p99": every[len(every) * 99 // 100]}
    return {name: round(value, 1) for name, value in found.items()}


def _at_noon(facts: Facts) -> Facts:
    return facts.under(facts.load, 1_780_000_000.0)
