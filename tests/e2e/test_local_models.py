"""Local models behind a real socket: several of them, several callers, and clients that leave."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.samples import metric
from tests.fakes.gguf_model import write_tiny_adapter, write_tiny_gguf
from tests.fakes.patience import PATIENCE_S
from tests.fakes.shunt import ShuntServer
from tests.ledger.books import stored

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """\
version: 1
models:
  small: {{backend: llama.cpp, source: "{model}", context: 2048, parallel: 1, threads: 1}}
  second: {{backend: llama.cpp, source: "{model}", context: 512, threads: 1, load: first_use, idle_unload_s: 600,
            adapters: {{calm: "{adapter}"}}}}
tiers: [small, second]
memory_budget_mib: 4096
policies: {{auto: {{select: [{{id: only, target: small}}], on_failure: [second]}}}}
server: {{keys: [env:KEY_ONE, env:KEY_TWO]}}
"""
ONE, TWO = ({"authorization": f"Bearer {key}"} for key in ("secret-1", "secret-2"))
CHAT = "/v1/chat/completions"


def body(model: str, max_tokens: int, **more: object) -> dict[str, object]:
    message = {"role": "user", "content": "Go on"}
    return {"model": model, "messages": [message], "max_tokens": max_tokens, "ignore_eos": True, **more}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShuntServer]:
    folder: Path = tmp_path_factory.mktemp("models")
    model = write_tiny_gguf(folder / "tiny.gguf", context=2048)
    adapter = write_tiny_adapter(folder / "calm.gguf")
    environ = {"KEY_ONE": "secret-1", "KEY_TWO": "secret-2"}
    async with ShuntServer(folder, POLICY.format(model=model, adapter=adapter), environ=environ) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shunt.root_url) as session:
        yield session


async def figure(http: aiohttp.ClientSession, name: str, **labels: str) -> float:
    async with http.get("/metrics", headers=ONE) as answer:
        return metric(await answer.text(), name, **labels)


async def states(http: aiohttp.ClientSession) -> dict[str, str]:
    async with http.get("/readyz") as answer:
        assert answer.status == 200
        return {name: target["status"] for name, target in (await answer.json())["targets"].items()}


def rows(shunt: ShuntServer) -> list[dict[str, object]]:
    """The ledger's records; none before the first pass of the drain has made the store."""
    try:
        return stored(shunt.folder / "state")
    except sqlite3.OperationalError:
        return []


async def test_a_model_is_loaded_when_it_is_asked_for(shunt: ShuntServer, http: aiohttp.ClientSession):
    """Readiness, the start screen, the metrics and the answer tell the same story, and the answer names the adapter."""
    assert await states(http) == {"small": "ready", "second": "unloaded"}
    await shunt.logged("second  unloaded")
    assert await figure(http, "shunt_engine_state", target="second", state="unloaded") == 1
    assert await figure(http, "shunt_engine_memory_bytes", target="second") == 0
    async with http.post(CHAT, json=body("second:calm", 4), headers=ONE) as answer:
        said = await answer.json()
        assert (answer.status, said["model"]) == (200, "second:calm")
        assert answer.headers["x-shunt-model"] == "second:calm"
    assert await states(http) == {"small": "ready", "second": "ready"}
    assert await figure(http, "shunt_engine_state", target="second", state="loaded") == 1
    assert await figure(http, "shunt_engine_loads_total", target="second") == 1
    assert await figure(http, "shunt_engine_memory_bytes", target="second") > 0
    async with http.get("/v1/models", headers=ONE) as answer:
        assert "second:calm" in {model["id"] for model in (await answer.json())["data"]}


async def test_one_callers_flood_does_not_hold_up_another(http: aiohttp.ClientSession):
    """Behind thirty callers who share one key and never stop, a request of another key waits for the one that runs."""
    ended = 0

    async def ask(headers: dict[str, str], max_tokens: int) -> None:
        async with http.post(CHAT, json=body("small", max_tokens), headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def flood() -> None:
        nonlocal ended
        while True:
            await ask(ONE, 1000)
            ended += 1

    callers = [asyncio.create_task(flood()) for _ in range(30)]
    async with asyncio.timeout(PATIENCE_S):
        while await figure(http, "shunt_queue_depth", target="small") < 25:
            assert not any(caller.done() for caller in callers), [
                caller.result() for caller in callers if caller.done()
            ]
            await asyncio.sleep(0.02)
        before = ended
        await ask(TWO, 4)
        overtaken = ended - before
    for caller in callers:
        caller.cancel()
    assert {asyncio.CancelledError} == {type(left) for left in await asyncio.gather(*callers, return_exceptions=True)}
    assert overtaken < 20  # in the order of arrival it would be all that wait: 25 or more


async def test_an_answer_that_nobody_waits_for_is_billed_exactly(shunt: ShuntServer, http: aiohttp.ClientSession):
    """A client that leaves in the middle is in the ledger with what the engine counted, not with an estimate."""
    async with http.post(CHAT, json=body("small", 4, seed=1), headers=ONE) as answer:
        prompt_tokens = (await answer.json())["usage"]["prompt_tokens"]
    pieces, stream = 0, await http.post(CHAT, json=body("small", 2000, seed=1, stream=True), headers=ONE)
    async for line in stream.content:
        pieces += line.startswith(b"data: {")
        if pieces == 20:
            break
    request_id = stream.headers["x-request-id"]
    stream.close()
    async with asyncio.timeout(PATIENCE_S):
        while not (found := [row for row in rows(shunt) if row["request_id"] == request_id]):
            await asyncio.sleep(0.05)
    [record] = found
    assert (record["outcome"], record["usage_estimated"]) == ("client_gone", 0)
    assert record["prompt_tokens"] == prompt_tokens
    assert 20 - 1 <= record["completion_tokens"] < 2000
