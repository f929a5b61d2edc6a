"""The cascade with a real engine: a tiny model that is never sure, a large server that counts, and the ledger."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from router.ledger.journal import JOURNAL_FOLDER
from tests.e2e.samples import metric
from tests.fakes.large import LargeServer, answer_tokens
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Random weights: about -5 for each token, so that the one line is never reached and the other always.
POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", context: 4096,
          price: {{input_usd_per_million: 1, output_usd_per_million: 10}}}}
  large: {{backend: openai, base_url: "{large}", model: l,
          price: {{input_usd_per_million: 100, output_usd_per_million: 1000}}}}
tiers: [small, large]
guards: [{{id: privacy, when: {{header: {{x-data-class: restricted}}}}, allow_zone: [local]}}]
policies:
  strict:
    select: [{{id: all, target: small}}]
    verify: {{target: small, escalate_to: large, below: -0.01, hold_tokens: 6, max_added_ms: 60000}}
  lenient:
    select: [{{id: all, target: small}}]
    verify: {{target: small, escalate_to: large, below: -100, hold_tokens: 6, max_added_ms: 60000}}
"""
WINDOW = 4096
LONG = 4000
ASK = {"messages": [{"role": "user", "content": "Go on"}], "max_tokens": 40, "ignore_eos": True}
ANSWER = "".join(answer_tokens(12))


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shunt.root_url) as session:
        yield session


async def ask(http: aiohttp.ClientSession, headers: dict[str, str] | None = None, **body) -> tuple[str, dict[str, str]]:
    """The answer's text, and its headers."""
    async with http.post("/v1/chat/completions", json=ASK | body, headers=headers) as answer:
        assert answer.status == 200
        if not body.get("stream"):
            return (await answer.json())["choices"][0]["message"]["content"], dict(answer.headers)
        lines = [line[6:] for line in (await answer.read()).splitlines() if line.startswith(b"data: {")]
        choices = [choice for line in lines for choice in json.loads(line)["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices), dict(answer.headers)


def records(shunt: ShuntServer) -> list[dict]:
    files = sorted((shunt.folder / "state" / JOURNAL_FOLDER).glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unsure_answer_is_escalated_and_paid_for(
    http: aiohttp.ClientSession, shunt: ShuntServer, large: LargeServer, stream: bool
):
    """The client sees the large model alone; the ledger has both costs, and the local work has stopped."""
    before = large.counts.requests
    # The engine runs ahead of a reader that gets no processor: an answer of 4,000 tokens is long enough to be cut short.
    text, headers = await ask(http, model="strict", stream=stream, max_tokens=LONG)
    assert (ANSWER, 1) == (text, large.counts.requests - before)
    assert ("large", "escalated:confidence") == (headers["x-shunt-model"], headers["x-shunt-reason"])
    assert "x-shunt-degraded" not in headers
    record = records(shunt)[-1]
    assert ("small", "confidence", ["small:escalated", "large:ok"]) == (
        record["escalated_from"], record["escalation_signal"], record["attempts"],
    )  # fmt: skip
    assert 6 <= record["escalation_completion_tokens"] < LONG
    given_up = (record["escalation_prompt_tokens"] + 10 * record["escalation_completion_tokens"]) / 1e6
    answered = (100 * record["prompt_tokens"] + 1000 * record["completion_tokens"]) / 1e6
    assert given_up == pytest.approx(record["escalation_usd"])
    assert given_up + answered == pytest.approx(record["cost_usd"])
    assert answered == pytest.approx(record["baseline_usd"])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_good_enough_answer_stays(http: aiohttp.ClientSession, large: LargeServer, stream: bool):
    """Above the line the local model answers, and the large one is not asked."""
    before = large.counts.requests
    text, headers = await ask(http, model="lenient", stream=stream)
    assert (True, 0) == (bool(text), large.counts.requests - before)
    assert ("small", "rule") == (headers["x-shunt-model"], headers["x-shunt-reason"])


async def test_restricted_data_stays_however_unsure(http: aiohttp.ClientSession, large: LargeServer):
    """A guard that keeps data local keeps it from being escalated."""
    before = large.counts.requests
    _, headers = await ask(http, {"x-data-class": "restricted"}, model="strict")
    assert ("small", 0) == (headers["x-shunt-model"], large.counts.requests - before)


async def test_escalations_are_counted(http: aiohttp.ClientSession):
    """One more on the counter, and the given up tokens' money has its own kind."""

    async def counted() -> tuple[float, float]:
        async with http.get("/metrics") as answer:
            text = await answer.text()
        found = metric(text, "shunt_escalations_total", signal="confidence")
        return found, metric(text, "shunt_cost_usd_total", model="small", kind="escalation")

    await ask(http, model="strict")
    before = await counted()
    await asyncio.gather(*(ask(http, model="strict") for _ in range(3)))
    after = await counted()
    assert (3.0, True) == (after[0] - before[0], after[1] > before[1])
