"""Answers that are given again, with a real server: in both shapes, for nothing, and to nobody else."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from router.ledger.journal import JOURNAL_FOLDER
from tests.e2e.samples import metric
from tests.fakes import faults
from tests.fakes.large import LargeServer, answer_tokens
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: openai, base_url: "{small}", model: s, zone: local,
          price: {{input_usd_per_million: 1, output_usd_per_million: 1}}}}
  large: {{backend: openai, base_url: "{large}", model: l, retries: 0, breaker: {{failures: 100}},
          price: {{input_usd_per_million: 100, output_usd_per_million: 1000}}}}
tiers: [small, large]
guards: [{{id: privacy, when: {{header: {{x-data-class: restricted}}}}, allow_zone: [local]}}]
policies:
  auto:
    select:
      - {{id: shared, when: {{header: {{x-share: "1"}}}}, target: large, cache: {{ttl: 10m, scope: global}}}}
      - {{id: tagged, when: {{header: {{x-share: tag}}}}, target: large, cache: {{ttl: 10m, scope: tag}}}}
      - {{id: all, target: large, cache: {{ttl: 10m}}}}
    on_failure: [small]
server: {{keys: [env:ALICE, env:BOB]}}
"""
ALICE, BOB = ({"authorization": f"Bearer {key}"} for key in ("alice-key", "bob-key"))
ANSWER = "".join(answer_tokens(12))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[tuple[LargeServer, LargeServer]]:
    async with LargeServer() as small, LargeServer() as large:
        yield small, large


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(
    pair: tuple[LargeServer, LargeServer], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ShuntServer]:
    folder: Path = tmp_path_factory.mktemp("cache")
    policy = POLICY.format(small=pair[0].base_url, large=pair[1].base_url)
    async with ShuntServer(folder, policy, environ={"ALICE": "alice-key", "BOB": "bob-key"}) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shunt.root_url) as session:
        yield session


async def ask(
    http: aiohttp.ClientSession, text: str, headers: dict[str, str] = ALICE, **body: object
) -> tuple[str, str | None]:
    """The answer's text, and what the cache had."""
    said = {"model": "auto", "messages": [{"role": "user", "content": text}], "temperature": 0} | body
    async with http.post("/v1/chat/completions", json=said, headers=ALICE | headers) as answer:
        assert 200 == answer.status
        if not said.get("stream"):
            return (await answer.json())["choices"][0]["message"]["content"], answer.headers.get("x-shunt-cache")
        lines = [line[6:] for line in (await answer.read()).splitlines() if line.startswith(b"data: ")]
        assert b"[DONE]" == lines[-1]
        choices = [choice for line in lines[:-1] for choice in json.loads(line)["choices"]]
        assert ["stop"] == [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        return text, answer.headers.get("x-shunt-cache")


def last_record(shunt: ShuntServer) -> dict:
    files = sorted((shunt.folder / "state" / JOURNAL_FOLDER).glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()][-1]


@pytest.mark.parametrize("first", [False, True])
async def test_the_same_request_is_answered_again_in_its_own_shape(
    http: aiohttp.ClientSession, pair: tuple[LargeServer, LargeServer], first: bool
):
    """Streamed or whole, and either way round; the target is asked once."""
    before = pair[1].counts.requests
    said = f"shape {first}"
    assert (ANSWER, "miss") == await ask(http, said, stream=first)
    assert (ANSWER, "hit") == await ask(http, said, stream=not first)
    assert (ANSWER, "hit") == await ask(http, said, stream=first, user="somebody", temperature=0.0)
    assert 1 == pair[1].counts.requests - before


async def test_a_hit_costs_nothing_and_says_what_it_saved(http: aiohttp.ClientSession, shunt: ShuntServer):
    """The record has the tokens of the answer, no cost, no attempt, and the price that was not paid; metrics count."""
    await ask(http, "what is the price")
    miss = last_record(shunt)
    await ask(http, "what is the price")
    hit = last_record(shunt)
    assert ("miss", None, ["large:ok"]) == (miss["cache"], miss["cache_saved_usd"], miss["attempts"])
    assert ("hit", 0.0, miss["cost_usd"], []) == (
        hit["cache"], hit["cost_usd"], hit["cache_saved_usd"], hit["attempts"],
    )  # fmt: skip
    assert ("large", "cache", miss["prompt_tokens"]) == (hit["target"], hit["reason"], hit["prompt_tokens"])
    async with http.get("/metrics", headers=ALICE) as answer:
        text = await answer.text()
    assert metric(text, "shunt_cache_requests_total", result="hit") >= 1
    assert metric(text, "shunt_cache_saved_usd_total") >= hit["cache_saved_usd"]
    assert metric(text, "shunt_cache_bytes") > 0


async def test_an_answer_stays_with_its_key(http: aiohttp.ClientSession):
    """Nobody gets what another key asked for, unless the rule says that everybody shares; keys without tags share none."""
    assert "miss" == (await ask(http, "who am I", ALICE))[1]
    assert "miss" == (await ask(http, "who am I", BOB))[1]
    assert "hit" == (await ask(http, "who am I", BOB))[1]
    assert "miss" == (await ask(http, "who am I", {**ALICE, "x-share": "tag"}))[1]
    assert "miss" == (await ask(http, "who am I", {**BOB, "x-share": "tag"}))[1]
    assert "miss" == (await ask(http, "who am I", {**ALICE, "x-share": "1"}))[1]
    assert "hit" == (await ask(http, "who am I", {**BOB, "x-share": "1"}))[1]


async def test_guards_come_before_the_cache(http: aiohttp.ClientSession, pair: tuple[LargeServer, LargeServer]):
    """A request that must stay here is not answered with what was said elsewhere, and the other way round."""
    assert "miss" == (await ask(http, "guarded"))[1]
    before = pair[0].counts.requests
    assert "miss" == (await ask(http, "guarded", {"x-data-class": "restricted"}))[1]
    assert 1 == pair[0].counts.requests - before
    assert "miss" == (await ask(http, "guarded", {"x-shunt-zone": "local"}, seed=1))[1]


async def test_a_client_can_refuse(http: aiohttp.ClientSession):
    """`no-store` neither takes nor leaves an answer; `no-cache` leaves a fresh one."""
    assert None is (await ask(http, "fresh", {"cache-control": "no-store"}))[1]
    assert "miss" == (await ask(http, "fresh"))[1]
    assert "miss" == (await ask(http, "fresh", {"cache-control": "max-age=0, no-cache"}))[1]
    assert "hit" == (await ask(http, "fresh"))[1]


async def test_what_is_never_the_same_is_not_asked_for(http: aiohttp.ClientSession):
    """Without temperature 0 or a seed each answer is meant to be another one."""
    assert [None, None] == [(await ask(http, "free", temperature=0.7))[1] for _ in range(2)]
    assert ["miss", "hit"] == [(await ask(http, "seeded", temperature=0.7, seed=3))[1] for _ in range(2)]


@pytest.mark.parametrize("fault", [faults.status(400), faults.truncate(after=3), faults.error_first({"message": "x"})])
async def test_a_failure_is_not_kept(
    http: aiohttp.ClientSession, pair: tuple[LargeServer, LargeServer], fault: object, request: pytest.FixtureRequest
):
    """Nor is the answer of the model that stood in: the next request asks the one that is due again."""
    said = {"model": "auto", "messages": [{"role": "user", "content": request.node.name}], "seed": 7, "stream": True}
    pair[1].script.append(fault)
    async with http.post("/v1/chat/completions", json=said, headers=ALICE) as answer:
        await answer.read()
    async with http.post("/v1/chat/completions", json=said, headers=ALICE) as answer:
        await answer.read()
        assert ("miss", "large") == (answer.headers["x-shunt-cache"], answer.headers["x-shunt-model"])


async def test_a_client_that_leaves_leaves_nothing_behind(
    http: aiohttp.ClientSession, pair: tuple[LargeServer, LargeServer]
):
    """An answer that was broken off is not there for the next one."""
    hold = faults.stall(after=3)
    pair[1].script.append(hold)
    gone = pair[1].counts.disconnects
    said = {"model": "auto", "messages": [{"role": "user", "content": "leaving"}], "temperature": 0, "stream": True}
    async with http.post("/v1/chat/completions", json=said, headers=ALICE) as answer:
        await answer.content.readline()
        answer.close()
    await pair[1].client_disconnected(gone + 1)
    assert (ANSWER, "miss") == await ask(http, "leaving")


async def test_another_api_gets_its_own_shape(http: aiohttp.ClientSession, pair: tuple[LargeServer, LargeServer]):
    """Anthropic's messages, whole and then as their events, from one answer."""
    before = pair[1].counts.requests
    said = {"model": "auto", "max_tokens": 50, "temperature": 0, "messages": [{"role": "user", "content": "Bonjour"}]}
    async with http.post("/v1/messages", json=said, headers=ALICE) as answer:
        whole = await answer.json()
        assert ("miss", ANSWER) == (answer.headers["x-shunt-cache"], whole["content"][0]["text"])
    async with http.post("/v1/messages", json=said | {"stream": True}, headers=ALICE) as answer:
        assert "hit" == answer.headers["x-shunt-cache"]
        events = [json.loads(line[6:]) for line in (await answer.read()).splitlines() if line.startswith(b"data: ")]
    text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert (ANSWER, "message_stop", 1) == (text, events[-1]["type"], pair[1].counts.requests - before)
