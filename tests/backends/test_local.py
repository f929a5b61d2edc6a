"""The local backend: a chat request answered by a real child, and every way it can fail to be."""

import asyncio
import gc
import os
import signal
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from router.backends.local import LocalBackend
from router.chat import ChatRequest, Chunk, Confidence, Event, Usage
from router.config import Config, EngineOptions, ModelConfig
from router.engine.supervisor import Rhythm
from router.errors import (
    BadRequest,
    ContextLengthExceeded,
    Overloaded,
    StreamInterrupted,
    UpstreamRefused,
)
from tests.engine.hub_server import SOURCE, Hub, serving
from tests.fakes.gguf_model import write_tiny_gguf

LOAD_S = 120.0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights that was made for a window of 8,192 tokens: it can write for seconds."""
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf", context=8192)


@pytest.fixture(scope="module")
def weights(tiny: Path) -> bytes:
    """The model's bytes, for a hub to serve."""
    return tiny.read_bytes()


def _model(source: Path | str, **changes) -> ModelConfig:
    model = ModelConfig("small", "llama.cpp", "local", frozenset({"chat"}), context=256, source=str(source), threads=1)
    return replace(model, **changes)


def _backend(model: ModelConfig, cache_dir: Path, rhythm: Rhythm | None = None) -> LocalBackend:
    config = Config(None, {model.name: model}, (model.name,), {}, "auto", cache_dir=cache_dir)
    return LocalBackend(model, config, rhythm=rhythm)


@asynccontextmanager
async def _serving(model: ModelConfig, cache_dir: Path, rhythm: Rhythm | None = None) -> AsyncIterator[LocalBackend]:
    backend = _backend(model, cache_dir, rhythm)
    await backend.start()
    try:
        async with asyncio.timeout(LOAD_S):
            while backend.state().status == "loading":
                await asyncio.sleep(0.01)
        yield backend
    finally:
        await backend.close()


def _ask(text: str = "Hello", max_tokens: int | None = 16, **params) -> ChatRequest:
    settings = {"temperature": 0, "ignore_eos": True} | params
    return ChatRequest("small", ({"role": "user", "content": text},), max_tokens, True, True, settings)


async def _answer(backend: LocalBackend, request: ChatRequest) -> list[Event]:
    return [event async for event in backend.stream(request)]


def _text(events: list[Event], index: int = 0) -> str:
    chunks = [event for event in events if isinstance(event, Chunk) and event.index == index]
    return "".join(str(chunk.delta.get("content") or "") for chunk in chunks)


async def test_chat_is_answered(tiny: Path, tmp_path: Path) -> None:
    """The first chunk has the role, the last an empty delta and the reason, and exact usage ends the answer."""
    async with _serving(_model(tiny), tmp_path) as backend:
        request = _ask()
        events = await _answer(backend, request)
        chunks = [event for event in events if isinstance(event, Chunk)]
        assert [chunk.delta.get("role") for chunk in chunks] == ["assistant"] + [None] * (len(chunks) - 1)
        assert (chunks[-1].delta, chunks[-1].finish_reason) == ({}, "length")
        assert [chunk.finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
        prompt = await backend.count_tokens(request)
        assert events[-1] == Usage(prompt, 16)
        [confidence] = [event for event in events if isinstance(event, Confidence)]
        assert confidence.tokens == 16
        assert confidence.mean_logprob < 0


async def test_real_model_speaks(shared: Path, tmp_path: Path) -> None:
    """A trained model answers in words and stops by itself."""
    async with _serving(_model(shared / "models" / "tinytalk-3M-Q4_0.gguf"), tmp_path) as backend:
        events = await _answer(backend, _ask("Hello, how are you?", 60, ignore_eos=False))
        assert "good" in _text(events)
        assert events[-2] == Chunk({}, 0, "stop")


async def test_a_silent_request_is_sampled_as_the_entry_says(tiny: Path, tmp_path: Path) -> None:
    """With `sampling: {temperature: 0}` two answers without any parameter are the likeliest one; a request may differ."""
    async with _serving(_model(tiny, sampling={"temperature": 0}), tmp_path) as backend:
        likeliest = _text(await _answer(backend, _ask(temperature=0)))
        assert [likeliest] * 2 == [_text(await _answer(backend, _ask(temperature=None))) for _ in range(2)]
        assert likeliest != _text(await _answer(backend, _ask(temperature=2, seed=1)))


async def test_seed_repeats_the_answer(tiny: Path, tmp_path: Path) -> None:
    """The same seed gives the same text, alone and beside others."""
    async with _serving(_model(tiny), tmp_path) as backend:
        request = _ask(temperature=1.0, seed=7)
        alone = _text(await _answer(backend, request))
        beside = await asyncio.gather(*(_answer(backend, _ask(temperature=1.0, seed=s)) for s in (7, 8, 7, 9)))
        assert [_text(beside[0]), _text(beside[2])] == [alone, alone]
        assert _text(beside[1]) != alone


async def test_several_choices(tiny: Path, tmp_path: Path) -> None:
    """`n` answers come with their own index, role and finish reason."""
    async with _serving(_model(tiny), tmp_path) as backend:
        events = await _answer(backend, _ask(n=3))
        chunks = [event for event in events if isinstance(event, Chunk)]
        assert sorted(chunk.index for chunk in chunks if chunk.delta.get("role")) == [0, 1, 2]
        assert sorted(chunk.index for chunk in chunks if chunk.finish_reason) == [0, 1, 2]
        assert events[-1].completion_tokens == 48


async def test_logprobs_are_openais(tiny: Path, tmp_path: Path) -> None:
    """Each token has its log-probability, bytes and alternatives, as plain numbers."""
    async with _serving(_model(tiny), tmp_path) as backend:
        events = await _answer(backend, _ask(logprobs=True, top_logprobs=2))
        entries = [
            e for event in events if isinstance(event, Chunk) and event.logprobs for e in event.logprobs["content"]
        ]
        assert len(entries) == 16
        for entry in entries:
            assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
            assert entry["logprob"] == entry["top_logprobs"][0]["logprob"]
            assert type(entry["logprob"]) is float


async def test_too_long_a_prompt_is_named(tiny: Path, tmp_path: Path) -> None:
    """A prompt beyond the window is refused as such, and counted exactly."""
    async with _serving(_model(tiny), tmp_path) as backend:
        request = _ask("long " * 300)
        assert (await backend.count_tokens(request) or 0) > 256
        with pytest.raises(ContextLengthExceeded):
            await _answer(backend, request)


async def test_window_is_the_models_own(tiny: Path, tmp_path: Path) -> None:
    """Without a configured context, and with one beyond what the model was trained for, its own window counts."""
    for context in (0, 100_000):
        async with _serving(_model(tiny, context=context), tmp_path) as backend:
            assert backend.config.context == 8192
            assert backend.supervisor.hello is not None
            assert backend.supervisor.hello.context == 8192


async def test_full_queue_is_overloaded(tiny: Path, tmp_path: Path) -> None:
    """Beyond `parallel` and `queue` a request is refused with a time to come back."""
    async with _serving(_model(tiny, parallel=1, queue=1, context=4096), tmp_path) as backend:
        streams = [backend.stream(_ask(str(n), 3000)) for n in range(6)]
        results = await asyncio.gather(*(anext(stream) for stream in streams), return_exceptions=True)
        refused = [error for error in results if isinstance(error, Overloaded)]
        assert len(refused) >= 3
        assert all(error.retry_after_s is not None for error in refused)
        for stream in streams:
            await stream.aclose()


async def test_leaving_frees_the_engine(tiny: Path, tmp_path: Path) -> None:
    """Closing an answer stops its work: the next one does not wait for it, and the engine is idle after it."""
    async with _serving(_model(tiny, parallel=1), tmp_path) as backend:
        stream = backend.stream(_ask("for ever", None))
        await anext(stream)
        await stream.aclose()
        await _answer(backend, _ask(max_tokens=1))
        client = backend.supervisor.client
        assert client is not None
        assert client.open_streams == 0


async def test_an_answer_that_is_broken_off_is_billed_exactly(tiny: Path, tmp_path: Path) -> None:
    """What a cancelled answer had cost is what the engine counts itself; an answer that is complete has no bill."""
    async with _serving(_model(tiny, context=0), tmp_path) as backend:
        request = _ask("for ever", None)
        stream = backend.stream(request)
        for _ in range(10):
            await anext(stream)
        await stream.aclose()
        bill = request.bill.usage
        assert bill is not None
        assert bill.prompt_tokens == await backend.count_tokens(request)
        async with asyncio.timeout(LOAD_S):
            while not backend.stats().completion_tokens_total:
                await asyncio.sleep(0.05)
        assert backend.stats().completion_tokens_total == bill.completion_tokens
        complete = _ask()
        await _answer(backend, complete)
        assert complete.bill.usage is None


async def test_confidence_comes_at_the_marks_that_are_asked_for(tiny: Path, tmp_path: Path) -> None:
    """Each mark's confidence follows the text of its tokens, and the whole answer's comes last."""
    async with _serving(_model(tiny), tmp_path) as backend:
        request = replace(_ask(logprobs=True), confidence_at=(1, 4, 9))
        events = await _answer(backend, request)
        figures = {event.tokens: event for event in events if isinstance(event, Confidence)}
        assert list(figures) == [1, 4, 9, 16]
        heard: list[float] = []
        for event in events:
            if isinstance(event, Chunk) and event.logprobs:
                heard += [token["logprob"] for token in event.logprobs["content"]]
            elif isinstance(event, Confidence):
                mean = sum(heard[: event.tokens]) / event.tokens
                if len(heard) >= event.tokens:
                    assert event.mean_logprob == pytest.approx(mean, abs=1e-4)
        assert [16] == [event.tokens for event in events if event is figures[16]]


async def test_the_parents_memory_does_not_grow(tiny: Path, tmp_path: Path) -> None:
    """Hundreds of answers, whole, cancelled and refused, leave nothing behind in this process."""

    async def work(rounds: int) -> None:
        for number in range(rounds):
            await _answer(backend, _ask(str(number), 4, logprobs=True, top_logprobs=3))
            stream = backend.stream(_ask("leave", None))
            await anext(stream)
            await stream.aclose()
            with pytest.raises(BadRequest):
                await _answer(backend, _ask(logit_bias={"99999": 1}))

    async with _serving(_model(tiny), tmp_path) as backend:
        await work(20)
        tracemalloc.start()
        try:
            await work(5)
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            await work(60)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 100_000
        client = backend.supervisor.client
        assert client is not None
        assert client.open_streams == 0


async def test_killed_child_interrupts_and_comes_back(tiny: Path, tmp_path: Path) -> None:
    """An answer that has begun is interrupted, a request meanwhile is refused, and later ones are answered."""
    async with _serving(_model(tiny, context=0), tmp_path, Rhythm(first_pause_s=0.2)) as backend:
        stream = backend.stream(_ask(max_tokens=None))
        await anext(stream)
        assert backend.supervisor.hello is not None
        os.kill(backend.supervisor.hello.pid, signal.SIGKILL)
        with pytest.raises(StreamInterrupted):
            async for _ in stream:
                pass
        async with asyncio.timeout(LOAD_S):
            await backend.supervisor.until("down")
        assert not backend.state().is_ready
        with pytest.raises(UpstreamRefused):
            await _answer(backend, _ask())
        assert await backend.count_tokens(_ask()) is None
        async with asyncio.timeout(LOAD_S):
            await backend.supervisor.until("ready")
        assert len(_text(await _answer(backend, _ask()))) > 0
        assert backend.stats().restarts_total == 1


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("absent.gguf", None, "there is no such file"),
        ("empty.gguf", b"", "it is empty"),
        ("page.gguf", b"<!doctype html>", "it is not a GGUF file"),
    ],
)
async def test_unservable_file_is_down_with_its_reason(
    tmp_path: Path, name: str, data: bytes | None, words: str
) -> None:
    """A file that is missing or no model leaves the backend down, in words that name the file."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    async with _serving(_model(path), tmp_path / "cache") as backend:
        state = backend.state()
        assert (state.status, backend.stats().restarts_total) == ("down", 0)
        assert name in (state.reason or "")
        assert words in (state.reason or "")


async def test_wrong_sha256_is_down(tiny: Path, tmp_path: Path) -> None:
    """A file with another digest than the policy file's is not loaded."""
    async with _serving(_model(tiny, sha256="0" * 64), tmp_path) as backend:
        assert backend.state().status == "down"
        assert "sha256" in (backend.state().reason or "")


async def test_absent_source_is_missing(tmp_path: Path) -> None:
    """A model that nothing configures is missing, not down."""
    async with _serving(replace(_model(""), source=None, missing="set SHUNT_SMALL"), tmp_path) as backend:
        assert (backend.state().status, backend.state().reason) == ("missing", "set SHUNT_SMALL")
        with pytest.raises(UpstreamRefused):
            await _answer(backend, _ask())


async def test_model_is_loading_while_it_is_fetched(
    weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting does not wait for a download; its progress is the reason, and afterwards the model answers."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub = Hub(weights, holds=asyncio.Event())
    async with serving(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        backend = _backend(_model(SOURCE), tmp_path)
        await backend.start()
        try:
            async with asyncio.timeout(LOAD_S):
                while not (backend.state().reason or "").startswith("downloading, "):
                    await asyncio.sleep(0.01)
                assert backend.state().status == "loading"
                with pytest.raises(UpstreamRefused):
                    await _answer(backend, _ask())
                hub.holds.set()
                await backend.supervisor.until("ready")
            assert backend.state().reason is None
            assert len(_text(await _answer(backend, _ask()))) > 0
        finally:
            await backend.close()


async def test_unreachable_hub_is_down_until_later(
    weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the hub the model is down with one clear line; it comes by itself once the hub does."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    async with _serving(_model(SOURCE), tmp_path, Rhythm(retry_s=0.05)) as backend:
        state = backend.state()
        assert state.status == "down"
        assert state.reason == f"{SOURCE}: http://127.0.0.1:9 cannot be reached"
        async with serving(Hub(weights)) as hub, asyncio.timeout(LOAD_S):
            monkeypatch.setenv("HF_ENDPOINT", hub.url)
            await backend.supervisor.until("ready")
        assert backend.stats().restarts_total == 0


async def test_closing_stops_a_download(weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops the router does not wait for gigabytes."""
    hub = Hub(weights, holds=asyncio.Event())
    async with serving(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        backend = _backend(_model(SOURCE), tmp_path)
        await backend.start()
        async with asyncio.timeout(LOAD_S):
            while not (backend.state().reason or "").startswith("downloading, "):
                await asyncio.sleep(0.01)
            await backend.close()
        hub.holds.set()
    assert backend.state().status == "down"


async def test_stats_come_from_the_heartbeat(tiny: Path, tmp_path: Path) -> None:
    """Queue, memory and totals are those of the child's last sign of life."""
    async with _serving(_model(tiny), tmp_path) as backend:
        await _answer(backend, _ask())
        async with asyncio.timeout(LOAD_S):
            while backend.stats().completion_tokens_total < 16:
                await asyncio.sleep(0.05)
        stats = backend.stats()
        assert (stats.live, stats.queued, stats.restarts_total) == (0, 0, 0)
        assert stats.kv_size >= 256


async def test_a_template_of_the_policy_file_serves_a_model_without_one(tmp_path: Path):
    """A file that brings no chat template is refused, and answers once the entry names one."""
    bare = write_tiny_gguf(tmp_path / "bare.gguf", template=False)
    async with _serving(_model(bare), tmp_path) as backend:
        with pytest.raises(BadRequest, match="chatml"):
            await anext(backend.stream(_ask()))
    options = EngineOptions(template="chatml", mmap=False, kv_type="f32", vault_mib=0)
    async with _serving(_model(bare, engine=options), tmp_path) as backend:
        events = [event async for event in backend.stream(_ask())]
    assert isinstance(events[-1], Usage)
