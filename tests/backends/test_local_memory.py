"""Several local models: loaded on first use, unloaded when idle, within one memory budget. Real children."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from router.backends.local import LocalBackend
from router.chat import ChatRequest, Chunk, Event
from router.config import Config, ModelConfig
from router.engine.budget import Budget
from router.engine.inspection import inspect
from router.engine.memory import need
from router.engine.serving import settings_of
from router.engine.supervisor import Rhythm
from router.errors import Overloaded, UpstreamRefused
from tests.fakes.gguf_model import write_tiny_adapter, write_tiny_gguf

LOAD_S = 120.0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights and a window of 8,192 tokens."""
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf", context=8192)


def _model(source: Path, name: str = "small", **changes) -> ModelConfig:
    model = ModelConfig(name, "llama.cpp", "local", frozenset({"chat"}), context=256, source=str(source), threads=1)
    return replace(model, **changes)


@asynccontextmanager
async def _serving(*models: ModelConfig, budget: Budget | None = None) -> AsyncIterator[list[LocalBackend]]:
    config = Config(None, {model.name: model for model in models}, tuple(model.name for model in models), {}, "auto")
    shared = budget or Budget()
    backends = [LocalBackend(model, config, budget=shared, rhythm=Rhythm(first_pause_s=0.05)) for model in models]
    async with AsyncExitStack() as stack:
        for backend in backends:
            await backend.start()
            stack.push_async_callback(backend.close)
            async with asyncio.timeout(LOAD_S):
                while backend.state().status == "loading":
                    await asyncio.sleep(0.01)
        yield backends


def _ask(text: str = "Hello", max_tokens: int | None = 4, adapter: str | None = None) -> ChatRequest:
    params = {"temperature": 0, "ignore_eos": True}
    return ChatRequest("small", ({"role": "user", "content": text},), max_tokens, True, True, params, adapter=adapter)


async def _text(backend: LocalBackend, request: ChatRequest) -> str:
    async with asyncio.timeout(LOAD_S):
        events: list[Event] = [event async for event in backend.stream(request)]
    return "".join(str(event.delta.get("content") or "") for event in events if isinstance(event, Chunk))


async def _until(backend: LocalBackend, status: str) -> None:
    async with asyncio.timeout(LOAD_S):
        await backend.supervisor.until(status)


def _pid(backend: LocalBackend) -> int:
    assert backend.supervisor.hello is not None
    return backend.supervisor.hello.pid


def _bytes(model: ModelConfig) -> int:
    header = inspect(Path(str(model.source)))
    return need(header, settings_of(model, header)).total


async def test_first_use_loads(tiny: Path) -> None:
    """A model with `load: first_use` has no child until a request comes, and that one is answered."""
    async with _serving(_model(tiny, load="first_use")) as [backend]:
        assert ("unloaded", True) == (backend.state().status, backend.state().is_ready)
        assert (None, 0, 0) == (backend.supervisor.hello, backend.stats().loads_total, backend.stats().memory_bytes)
        assert 256 == backend.config.context
        assert await backend.count_tokens(_ask()) is None
        assert len(await _text(backend, _ask())) > 0
        assert ("ready", 1) == (backend.state().status, backend.stats().loads_total)
        assert backend.stats().memory_bytes == _bytes(backend.config)


async def test_requests_during_the_load_share_it(tiny: Path) -> None:
    """Requests that come while the first one's load is under way wait for it too: one child, all answered."""
    async with _serving(_model(tiny, load="first_use")) as [backend]:
        first = asyncio.ensure_future(_text(backend, _ask()))
        await _until(backend, "loading")
        assert backend.state().is_ready
        others = await asyncio.gather(*(_text(backend, _ask()) for _ in range(5)))
        assert {await first} == set(others)
        assert 1 == backend.stats().loads_total


async def test_a_bad_file_is_told_before_its_first_use(tmp_path: Path) -> None:
    """A file is checked at the start, not when the first client asks."""
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"nothing")
    async with _serving(_model(bad, load="first_use")) as [backend]:
        assert "down" == backend.state().status
        assert "bad.gguf" in (backend.state().reason or "")
        with pytest.raises(UpstreamRefused):
            await _text(backend, _ask())


async def test_a_client_that_leaves_while_loading_takes_nobody_along(tiny: Path) -> None:
    """The load that a cancelled request began goes on for the others."""
    async with _serving(_model(tiny, load="first_use")) as [backend]:
        leaving, staying = (asyncio.ensure_future(_text(backend, _ask())) for _ in range(2))
        await _until(backend, "loading")
        leaving.cancel()
        assert len(await staying) > 0
        assert 0 == backend.supervisor.activity.open


async def test_an_idle_model_is_unloaded_and_comes_back(tiny: Path) -> None:
    """After `idle_unload_s` without a use the child is gone; the next request starts another and has the same answer."""
    async with _serving(_model(tiny, idle_unload_s=0.05)) as [backend]:
        answers = []
        for loads in (1, 2):
            answers.append(await _text(backend, _ask()))
            assert loads <= backend.stats().loads_total
            await _until(backend, "unloaded")
        assert answers[0] == answers[1]
        async with asyncio.timeout(LOAD_S):
            while backend.stats().memory_bytes:
                await asyncio.sleep(0.01)
        assert 0 == backend.stats().restarts_total


async def test_a_model_in_use_is_not_idle(tiny: Path) -> None:
    """A stream that is open keeps its child, however short the idle time."""
    async with _serving(_model(tiny, context=0, load="first_use", idle_unload_s=0.001)) as [backend]:
        stream = backend.stream(_ask(max_tokens=None))
        await anext(stream)
        pid = _pid(backend)
        for _ in range(50):
            await anext(stream)
        assert ("ready", pid) == (backend.state().status, _pid(backend))
        await stream.aclose()
        await _until(backend, "unloaded")
        async with asyncio.timeout(LOAD_S):
            while psutil.pid_exists(pid):
                await asyncio.sleep(0.01)


async def test_a_killed_child_of_a_first_use_model_comes_back(tiny: Path) -> None:
    """Once loaded it is kept alive like any other."""
    async with _serving(_model(tiny, load="first_use")) as [backend]:
        await _text(backend, _ask())
        os.kill(_pid(backend), signal.SIGKILL)
        await _until(backend, "down")
        await _until(backend, "ready")
        assert len(await _text(backend, _ask())) > 0
        assert (1, 2) == (backend.stats().restarts_total, backend.stats().loads_total)


async def test_the_budget_sends_the_idle_one_away(tiny: Path) -> None:
    """Two models that do not fit together take turns, each answering whenever it is asked."""
    one, two = _model(tiny, "one"), _model(tiny, "two")
    budget = Budget(int(_bytes(one) * 1.5))
    async with _serving(one, two, budget=budget) as [first, second]:
        assert ("ready", "unloaded") == (first.state().status, second.state().status)
        assert "are taken by other models" in (second.state().reason or "")
        for asked, other in ((second, first), (first, second)):
            assert len(await _text(asked, _ask())) > 0
            assert ("ready", "unloaded") == (asked.state().status, other.state().status)
            assert other.state().reason == "unloaded to make room for another model"
            assert asked.stats().memory_bytes <= budget.most
            assert 0 == other.stats().memory_bytes


async def test_the_budget_never_ends_a_running_answer(tiny: Path) -> None:
    """While the other model answers, a request that needs its memory is refused, with a time to come back."""
    one, two = _model(tiny, "one", context=0), _model(tiny, "two", context=0)
    async with _serving(one, two, budget=Budget(int(_bytes(one) * 1.5))) as [first, second]:
        stream = first.stream(_ask(max_tokens=None))
        await anext(stream)
        with pytest.raises(Overloaded, match="two cannot be loaded now") as caught:
            await _text(second, _ask())
        assert caught.value.retry_after_s is not None
        assert isinstance(await anext(stream), Chunk)
        await stream.aclose()
        assert len(await _text(second, _ask())) > 0


async def test_a_model_larger_than_the_budget_is_down(tiny: Path) -> None:
    """What can never be loaded says so, and how large it is."""
    async with _serving(_model(tiny), budget=Budget(1 << 20)) as [backend]:
        assert "down" == backend.state().status
        assert "memory_budget_mib is 1" in (backend.state().reason or "")


async def test_a_request_answers_under_its_adapter(tiny: Path, tmp_path: Path) -> None:
    """The adapter of the policy file is loaded with the model, and changes the answers of requests that ask for it."""
    adapters = {name: str(write_tiny_adapter(tmp_path / f"{name}.gguf", seed=at)) for at, name in enumerate("ab")}
    async with _serving(_model(tiny, adapters=adapters)) as [backend]:
        asked = [_ask(max_tokens=24, adapter=adapter) for adapter in (None, "a", "b")]
        alone = [await _text(backend, request) for request in asked]
        together = await asyncio.gather(*(_text(backend, request) for request in asked))
        assert 3 == len(set(alone))
        assert alone == together


@pytest.mark.parametrize("kind", ["absent", "page", "model", "other"])
async def test_a_bad_adapter_is_refused_by_name(tiny: Path, tmp_path: Path, kind: str) -> None:
    """A file that is no adapter, or another model's, keeps the model down and is named; native code never sees it."""
    path = tmp_path / "bad.gguf"
    if kind == "page":
        path.write_bytes(b"<!doctype html>")
    elif kind == "model":
        write_tiny_gguf(path)
    elif kind == "other":
        write_tiny_adapter(path, width=48)
    async with _serving(_model(tiny, adapters={"finance": str(path)})) as [backend]:
        assert ("down", 0) == (backend.state().status, backend.stats().loads_total)
        assert (backend.state().reason or "").startswith("adapter finance: ")
        assert "bad.gguf" in (backend.state().reason or "")


async def test_a_mended_adapter_brings_the_model_back(tiny: Path, tmp_path: Path) -> None:
    """The adapter's file is watched, like the model's."""
    path = tmp_path / "late.gguf"
    model = _model(tiny, adapters={"finance": str(path)})
    config = Config(None, {"small": model}, ("small",), {}, "auto")
    backend = LocalBackend(model, config, rhythm=Rhythm(poll_file_s=0.02))
    await backend.start()
    await _until(backend, "down")
    write_tiny_adapter(tmp_path / "good.gguf").replace(path)
    await _until(backend, "ready")
    assert ["finance"] == backend.supervisor.hello.adapters
    await backend.close()
