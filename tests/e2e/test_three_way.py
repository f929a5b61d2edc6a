"""Four independent counts of mixed traffic: the clients' own, the ledger, Prometheus, and the scripted servers'.

400 requests by default; `SHUNT_THREE_WAY=10000 pytest tests/e2e/test_three_way.py` asks for more.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from router.runtime import Runtime
from tests.e2e.samples import metric
from tests.fakes import faults
from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import DEFAULT_TOKENS, LargeServer, answer
from tests.fakes.served import served, until
from tests.ledger.books import drained, stored

REQUESTS = int(os.environ.get("SHUNT_THREE_WAY", "400"))
CALLERS = 12
SERVERS = ("plain", "flaky", "stalling", "breaking", "better")
POLICY = """
version: 1
models:
  tiny: {{backend: llama.cpp, source: "{tiny}", context: 512, parallel: 4,
          price: {{input_usd_per_million: 0.1, output_usd_per_million: 0.2}}}}
{remotes}
tiers: [tiny, plain]
policies:
  auto: {{select: [{{id: all, target: plain}}]}}
  unsure:
    select: [{{id: all, target: tiny}}]
    verify: {{target: tiny, escalate_to: better, below: -0.01, hold_tokens: 4, max_added_ms: 60000}}
budgets: [{{id: all, usd_per_day: 1000}}]
state_dir: {folder}/state
"""
REMOTE = """  {name}: {{backend: openai, base_url: "{url}", model: {name}, retries: 2,
    retry_budget: {{least: 10000}}, breaker: {{failures: 100, share: 1}},
    price: {{input_usd_per_million: {dear}, output_usd_per_million: 7.3}}}}"""
STALLED_AFTER = 3


@dataclass
class Seen:
    """What the clients counted, by the model that answered; `complete` are tokens of whole answers only."""

    requests: int = 0
    answers: Counter = field(default_factory=Counter)
    prompt_tokens: Counter = field(default_factory=Counter)
    completion_tokens: Counter = field(default_factory=Counter)
    endings: Counter = field(default_factory=Counter)

    def usage(self, model: str, usage: dict) -> None:
        self.answers[model] += 1
        self.prompt_tokens[model] += usage["prompt_tokens"]
        self.completion_tokens[model] += usage["completion_tokens"]


@pytest.fixture
async def servers() -> AsyncIterator[dict[str, LargeServer]]:
    async with AsyncExitStack() as stack:
        found = {name: await stack.enter_async_context(LargeServer()) for name in SERVERS}
        found["stalling"].script += [faults.stall(after=STALLED_AFTER)] * REQUESTS
        found["breaking"].script += [faults.truncate(after=5), faults.error_event(after=2)] * REQUESTS
        found["flaky"].script += [faults.status(500), answer, faults.status(503), faults.status(400), answer] * REQUESTS
        yield found


async def ask(http: aiohttp.ClientSession, seen: Seen, model: str, number: int, *, stream: bool) -> None:
    """One request; an answer that breaks off counts by the pieces that came."""
    body = {"model": model, "messages": [{"role": "user", "content": "word " * (number % 17 + 1)}], "stream": stream}
    body |= {"stream_options": {"include_usage": True}} if stream else {}
    body |= {"max_tokens": number % 9 + STALLED_AFTER + 2, "ignore_eos": True}
    seen.requests += 1
    async with http.post("/v1/chat/completions", json=body) as response:
        if response.status != 200:
            seen.endings[response.status] += 1
        elif not stream:
            whole = await response.json()
            seen.usage(whole["model"], whole["usage"])
        else:
            await read_stream(response, seen, model)


async def read_stream(response: aiohttp.ClientResponse, seen: Seen, model: str) -> None:
    pieces = 0
    async for line in response.content:
        data = json.loads(line[6:]) if line.startswith(b"data: {") else {}
        pieces += sum(bool(choice["delta"].get("content")) for choice in data.get("choices", ()))
        if data.get("usage"):
            seen.usage(data["model"], data["usage"])
            return
        if "error" in data or (model == "stalling" and pieces == STALLED_AFTER):
            seen.endings["broken" if "error" in data else "left"] += 1
            seen.completion_tokens[model] += pieces
            response.close()
            return
    pytest.fail("a stream ended without its usage or an error")


async def traffic(url: str, seen: Seen) -> None:
    """The mix: half whole, a quarter streamed, and the rest escalated, retried, refused, broken or left."""
    mix = [("plain", False)] * 10 + [("auto", True)] * 5 + [("unsure", True), ("unsure", False)]
    mix += [("flaky", False), ("stalling", True), ("breaking", True)]
    numbers = iter(range(REQUESTS))

    async def caller(http: aiohttp.ClientSession) -> None:
        for number in numbers:
            model, stream = mix[number % len(mix)]
            await ask(http, seen, model, number, stream=stream)

    async with aiohttp.ClientSession(url) as http:
        await asyncio.gather(*(caller(http) for _ in range(CALLERS)))


def policy(folder: Path, servers: dict[str, LargeServer]) -> Path:
    remotes = [
        REMOTE.format(name=name, url=server.base_url, dear=1.7 + place)
        for place, (name, server) in enumerate(servers.items())
    ]
    tiny = write_tiny_gguf(folder / "tiny.gguf", context=512)
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(tiny=tiny, remotes="\n".join(remotes), folder=folder))
    return path


def engine_counts(runtime: Runtime) -> list[int]:
    stats = runtime.targets["tiny"].stats()
    return [stats.prompt_tokens_total, stats.completion_tokens_total]


async def test_clients_ledger_prometheus_and_servers_agree(servers: dict[str, LargeServer], tmp_path: Path):
    """Streams, cancels, escalations, retries and broken streams: equal to the token, and to 1e-9 dollars."""
    seen = Seen()
    async with served(policy(tmp_path, servers)) as (url, generations):
        runtime = generations.current
        await runtime.settled()
        await traffic(url, seen)
        await until(lambda: runtime.ledger.tally.written == REQUESTS)
        runtime.observe()
        scrape = runtime.metrics.render("")[0].decode()
        budget = runtime.quotas.used_ratio()["all"] * 1000
        drained(tmp_path / "state")
        rows = stored(tmp_path / "state")
        escalated = [row for row in rows if row["escalated_from"] == "tiny"]
        given_up = [sum(row[f"escalation_{kind}_tokens"] for row in escalated) for kind in ("prompt", "completion")]
        # The engine tells its own counts with its next heartbeat.
        await until(lambda: engine_counts(runtime) == given_up)
    assert seen.requests == len(rows) == metric(scrape, "shunt_requests_total") == REQUESTS
    assert set(seen.endings) == {400, 502, 503, "broken", "left"} - ({502, 503} - set(seen.endings))

    for name in SERVERS:
        mine = [row for row in rows if row["target"] == name]
        tokens = {"gen_ai_response_model": name}
        written = sum(row["completion_tokens"] for row in mine)
        assert written == seen.completion_tokens[name] == servers[name].counts.completion_tokens, name
        assert written == metric(scrape, "gen_ai_client_token_usage_sum", **tokens, gen_ai_token_type="output")
        read = sum(row["prompt_tokens"] for row in mine)
        assert read == metric(scrape, "gen_ai_client_token_usage_sum", **tokens, gen_ai_token_type="input")
        told = sum(row["prompt_tokens"] for row in mine if not row["usage_estimated"])
        assert told == seen.prompt_tokens[name], name
        if name in {"plain", "flaky", "better"}:
            assert told == servers[name].counts.prompt_tokens
            assert sum(row["outcome"] == "ok" for row in mine) == seen.answers[name]

    assert len(escalated) == sum(row["target"] == "better" for row in rows) == seen.answers["better"] > 0

    kinds = {row["energy_kind"] for row in escalated}
    assert kinds in ({"estimated"}, {"measured"})
    assert {row["energy_kind"] for row in rows if not row["escalated_from"]} == {None}
    joules = sum(row["energy_j"] for row in escalated)
    assert joules == pytest.approx(metric(scrape, "shunt_energy_joules_total"))
    assert joules > 0

    prices = {name: (1.7 + place, 7.3) for place, name in enumerate(SERVERS)}
    by_hand = sum(
        (row["prompt_tokens"] * prices[row["target"]][0] + row["completion_tokens"] * prices[row["target"]][1]) * 1e-6
        + (row["escalation_prompt_tokens"] * 0.1 + row["escalation_completion_tokens"] * 0.2) * 1e-6
        for row in rows
    )
    spent = sum(row["cost_usd"] for row in rows)
    assert spent == pytest.approx(by_hand, abs=1e-9)
    assert spent == pytest.approx(metric(scrape, "shunt_cost_usd_total"), abs=1e-9)
    assert spent == pytest.approx(budget, abs=1e-9)
    by_clients = sum(
        (seen.prompt_tokens[name] * prices[name][0] + seen.completion_tokens[name] * prices[name][1]) * 1e-6
        for name in ("plain", "flaky", "better")
    )
    answered = [row for row in rows if row["outcome"] == "ok"]
    for_nothing = sum(row["escalation_usd"] or 0.0 for row in answered)
    assert sum(row["cost_usd"] for row in answered) - for_nothing == pytest.approx(by_clients, abs=1e-9)
    assert DEFAULT_TOKENS >= max(row["completion_tokens"] for row in rows)
