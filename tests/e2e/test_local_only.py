"""A router with no large model: everything is answered on this machine, and says so."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from router.policy import DEFAULT_FILE
from tests.e2e.samples import metric
from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.patience import PATIENCE_S
from tests.fakes.served import until
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEFT = '"outcome": "client_gone"'
ENDLESS = {"model": "small", "max_tokens": 4000, "ignore_eos": True, "messages": [{"role": "user", "content": "Go on"}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShuntServer]:
    folder: Path = tmp_path_factory.mktemp("local")
    small = write_tiny_gguf(folder / "tiny.gguf", context=4096)
    nothing = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SHUNT_LARGE_URL"), "")
    environ = {**nothing, "SHUNT_SMALL": str(small)}
    async with ShuntServer(folder, DEFAULT_FILE.read_text(), environ=environ) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shunt.root_url) as session:
        yield session


@pytest.mark.parametrize("prompt", ["Hello!", "Prove that there are infinitely many primes."])
@pytest.mark.parametrize("stream", [True, False])
async def test_every_answer_says_that_there_is_no_large_model(http: aiohttp.ClientSession, prompt: str, stream: bool):
    """Easy or hard, streamed or not: the small model answers and the reason is told."""
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "max_tokens": 4, "stream": stream}
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert answer.status == 200
        assert answer.headers["x-shunt-model"] == "small"
        assert answer.headers["x-shunt-reason"] == "large_unavailable"
        await answer.read()


async def test_readiness_needs_no_large_model(http: aiohttp.ClientSession):
    """A target that nothing configures is told and does not hold readiness up."""
    async with http.get("/readyz") as answer:
        assert answer.status == 200
        assert (await answer.json())["targets"]["large"]["status"] == "missing"


async def live(http: aiohttp.ClientSession) -> float:
    async with http.get("/metrics") as answer:
        return metric(await answer.text(), "shunt_engine_live", target="small")


async def until_live(http: aiohttp.ClientSession, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await live(http) != count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("stream", [True, False])
async def test_row_31_a_client_that_leaves_stops_the_local_work(
    http: aiohttp.ClientSession, shunt: ShuntServer, stream: bool
):
    """Generation for nobody ends before its time, streamed or not (the engine's figures are a heartbeat old at most)."""
    await until_live(http, 0)
    left = shunt.log().count(LEFT)
    request = asyncio.create_task(http.post("/v1/chat/completions", json=ENDLESS | {"stream": stream}))
    await until_live(http, 1)
    if request.done():
        request.result().close()
    request.cancel()
    await until_live(http, 0)
    await until(lambda: shunt.log().count(LEFT) == left + 1)
