"""The main job, end to end: the real command, real weights, real sockets, the official SDK."""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx
import openai
import pytest

from tests.e2e.prompts import EASY, HARD
from tests.e2e.samples import metric
from tests.fakes.large import LargeServer
from tests.fakes.patience import AT_ONCE_S
from tests.fakes.shunt import ShuntServer

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", context: 256}}
  large:
    backend: openai
    base_url: "{large}"
    model: big-1
    api_key: env:LARGE_KEY
    price: {{input_usd_per_million: 2.5, output_usd_per_million: 10, cached_usd_per_million: 1.25}}
tiers: [small, large]
aliases: {{"gpt-*": auto}}
guards:
  - {{id: fits, when: always, require: [context, tools, modality, json]}}
policies:
  auto:
    select:
      - {{id: asked-large, when: {{header: {{x-shunt-route: large}}}}, target: large}}
      - {{id: learned, score: complexity, threshold: {threshold}}}
      - {{id: default, target: large}}
    on_failure: [large, small]
"""
KEY = "sk-canary-e2e-0123456789"


@dataclass
class Seen:
    """What the client itself counted."""

    answers: Counter = field(default_factory=Counter)
    prompt_tokens: Counter = field(default_factory=Counter)
    completion_tokens: Counter = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)

    def add(self, model: str, usage: openai.types.CompletionUsage, request_id: str) -> None:
        self.answers[model] += 1
        self.prompt_tokens[model] += usage.prompt_tokens
        self.completion_tokens[model] += usage.completion_tokens
        self.ids.add(request_id)


@pytest.fixture
async def large() -> AsyncIterator[LargeServer]:
    async with LargeServer(key=KEY) as server:
        yield server


@pytest.fixture
def policy(shared: Path, large: LargeServer) -> str:
    import classifiers

    threshold = round(classifiers.load().threshold, 3)
    small = shared / "models" / "tinytalk-3M-Q4_0.gguf"
    return POLICY.format(small=small, large=large.base_url, threshold=threshold)


@pytest.fixture
async def shunt(policy: str, tmp_path: Path) -> AsyncIterator[ShuntServer]:
    async with ShuntServer(tmp_path, policy, environ={"LARGE_KEY": KEY}) as server:
        yield server


@pytest.fixture
async def client(shunt: ShuntServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=shunt.base_url, api_key="unused", max_retries=0) as sdk:
        yield sdk


async def ask(client: openai.AsyncOpenAI, prompt: str, seen: Seen, *, stream: bool) -> None:
    messages = [{"role": "user", "content": prompt}]
    if not stream:
        raw = await client.chat.completions.with_raw_response.create(model="auto", messages=messages, max_tokens=16)
        answer = raw.parse()
        assert answer.choices[0].finish_reason in {"stop", "length"}
        seen.add(answer.model, answer.usage, raw.headers["x-request-id"])
        return
    raw = await client.chat.completions.with_raw_response.create(
        model="auto", messages=messages, max_tokens=16, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in raw.parse()]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] != []
    assert chunks[-1].choices == []
    seen.add(chunks[-1].model, chunks[-1].usage, raw.headers["x-request-id"])


async def scrape(shunt: ShuntServer) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{shunt.root_url}/metrics") as answer:
        return await answer.text()


def ledger(folder: Path) -> list[sqlite3.Row]:
    with sqlite3.connect(next((folder / "state").glob("*.sqlite3"))) as store:
        store.row_factory = sqlite3.Row
        return store.execute("select * from records").fetchall()


async def test_client_ledger_metrics_and_server_agree_to_the_token(
    shunt: ShuntServer, client: openai.AsyncOpenAI, large: LargeServer, tmp_path: Path
):
    """Forty prompts, streamed and not: four independent counts of requests and tokens are equal."""
    seen = Seen()
    for place, prompt in enumerate(EASY + HARD):
        await ask(client, prompt, seen, stream=place % 2 == 0)
    assert seen.answers.total() == 40
    assert set(seen.answers) == {"small", "large"}

    metrics = await scrape(shunt)
    usage = json.loads(await shunt.command("usage", "--json"))
    rows = ledger(tmp_path)
    assert {row["request_id"] for row in rows} == seen.ids
    for model in ("small", "large"):
        mine = [row for row in rows if row["target"] == model]
        assert len(mine) == seen.answers[model]
        assert sum(row["prompt_tokens"] for row in mine) == seen.prompt_tokens[model]
        assert sum(row["completion_tokens"] for row in mine) == seen.completion_tokens[model]
        assert metric(metrics, "shunt_requests_total", target=model) == seen.answers[model]
        tokens = {"gen_ai_response_model": model, "gen_ai_token_type": "input"}
        assert metric(metrics, "gen_ai_client_token_usage_sum", **tokens) == seen.prompt_tokens[model]
    assert large.counts.requests == seen.answers["large"]
    assert large.counts.prompt_tokens == seen.prompt_tokens["large"]
    assert large.counts.completion_tokens == seen.completion_tokens["large"]

    cost = seen.prompt_tokens["large"] * 2.5e-6 + seen.completion_tokens["large"] * 10e-6
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(cost, abs=1e-9)
    assert metric(metrics, "shunt_cost_usd_total") == pytest.approx(cost, abs=1e-9)
    assert usage["total"]["cost_usd"] == pytest.approx(cost, abs=1e-9)
    assert usage["total"]["requests"] == 40


async def test_easy_stays_and_hard_goes(client: openai.AsyncOpenAI):
    """Most small talk stays on this machine and every proof goes to the large model."""
    models = {}
    for prompt in EASY + HARD:
        answer = await client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": prompt}], max_tokens=2
        )
        models[prompt] = answer.model
    assert sum(models[prompt] == "small" for prompt in EASY) >= 17
    assert [prompt for prompt in HARD if "prove" in prompt.lower() and models[prompt] == "small"] == []


async def test_a_kill_loses_no_answered_request(
    shunt: ShuntServer, client: openai.AsyncOpenAI, large: LargeServer, tmp_path: Path
):
    """Whatever answer a client holds when the process is killed is in the ledger once it is back."""
    seen, enough = Seen(), asyncio.Event()

    async def keep_asking(prompts: list[str]) -> None:
        for place, prompt in enumerate(prompts * 20):
            try:
                await ask(client, prompt, seen, stream=place % 2 == 0)
            except (openai.APIError, httpx.TransportError):
                return
            if len(seen.ids) >= 25:
                enough.set()

    async with asyncio.TaskGroup() as tasks:
        for prompts in (EASY[:10], EASY[10:], HARD[:10], HARD[10:]):
            tasks.create_task(keep_asking(prompts))
        await enough.wait()
        await shunt.kill()
    await shunt.start()
    json.loads(await shunt.command("usage", "--json"))
    recorded = Counter(row["request_id"] for row in ledger(tmp_path))
    assert seen.ids - recorded.keys() == set()
    assert max(recorded.values()) == 1


async def test_a_client_that_leaves_stops_the_work(shunt: ShuntServer, large: LargeServer, tmp_path: Path):
    """Closing the connection before the first byte closes the upstream at once and is recorded once."""
    from tests.fakes import faults

    large.script.append(faults.never_answer())
    body = {"model": "large", "messages": [{"role": "user", "content": "wait for it"}]}
    async with aiohttp.ClientSession() as session:
        request = asyncio.create_task(session.post(f"{shunt.base_url}/chat/completions", json=body))
        await large.request_arrived()
        request.cancel()
        async with asyncio.timeout(AT_ONCE_S):
            await large.client_disconnected()
    await shunt.logged("client_gone")
    json.loads(await shunt.command("usage", "--json"))
    assert [row["outcome"] for row in ledger(tmp_path)] == ["client_gone"]


async def test_no_secret_and_no_prompt_is_logged(shunt: ShuntServer, client: openai.AsyncOpenAI):
    """The log says what was decided and never what was said."""
    await client.chat.completions.create(model="large", messages=[{"role": "user", "content": "canary prompt 91"}])
    await shunt.logged('"outcome": "ok"')
    assert "canary prompt 91" not in shunt.log()
    assert KEY not in shunt.log()
    assert KEY not in await scrape(shunt)
