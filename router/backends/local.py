"""A GGUF model on this machine, served by a supervised engine child."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.filesize import decimal

from router.backends.base import TargetState
from router.backends.local_answer import Deltas, usage_of
from router.backends.local_request import HEEDED, messages_of, submit_of, tools_of, unread
from router.backends.power import Power
from router.backends.unheeded import unheeded
from router.chat import ChatRequest, EmbeddingRequest, Event, Usage
from router.config import Config, ModelConfig
from router.engine import source, wire
from router.engine.budget import Budget
from router.engine.client import Answer
from router.engine.defaults import defaults_of
from router.engine.gguf import Gguf, GgufError
from router.engine.inspection import inspect, inspect_adapter
from router.engine.location import SourceError, place
from router.engine.memory import need
from router.engine.progress import messages, shown
from router.engine.residence import Residence
from router.engine.serving import settings_of
from router.engine.supervisor import NotServableError, Plan, Rhythm, Supervisor
from router.engine.watch import Snapshot
from router.errors import RouterError

COUNT_S = 5.0
STOP_S = 2.0  # a cancelled request ends after the decode step at hand


@dataclass(frozen=True, slots=True)
class EngineStats:
    """How busy a local model is, from its last heartbeat, at most a second ago; the `*_total` restart with the child.

    `loads_total` and `restarts_total` count since the start of this process. `memory_bytes` is what the model takes of
    the memory budget: an estimate, 0 while it is not in memory.
    """

    queued: int = 0
    live: int = 0
    wait_ms: float = 0.0
    kv_used: int = 0
    kv_size: int = 0
    tokens_per_s: float = 0.0
    prompt_tokens_total: int = 0
    cached_tokens_total: int = 0
    completion_tokens_total: int = 0
    restarts_total: int = 0
    loads_total: int = 0
    memory_bytes: int = 0
    status: str = "loading"


class LocalBackend:
    """One local model. It is `loading` while its file is fetched and while the child loads it."""

    def __init__(
        self,
        config: ModelConfig,
        settings: Config,
        *,
        budget: Budget | None = None,
        rhythm: Rhythm | None = None,
        console: Console | None = None,
    ) -> None:
        self._config = config
        self._cache_dir = settings.cache_dir
        self._power: Power | None = None
        self._console = console or messages
        self._fetched: str | None = None
        self._sampling: Mapping[str, float] = {}
        self._budget = budget or Budget(settings.memory_budget_bytes)
        residence = Residence(config.load, config.idle_unload_s, self._budget)
        self._supervisor = Supervisor(config.name, self._prepare, rhythm=rhythm, residence=residence)

    def counted_by(self, power: Power | None) -> Self:
        """Itself, with its work counted by `power`; the processor's counters know nothing of what a GPU takes."""
        self._power = power if self._config.engine.gpu_layers == 0 else None
        return self

    @property
    def config(self) -> ModelConfig:
        """The model entry; once the model is loaded, `context` is the window it really has."""
        return self._config

    @property
    def supervisor(self) -> Supervisor:
        """Who keeps the child alive."""
        return self._supervisor

    async def start(self) -> None:
        """Begin to load; returns at once."""
        if self._config.source is not None:
            self._supervisor.start()

    async def close(self) -> None:
        """End the child."""
        await self._supervisor.close()

    def state(self) -> TargetState:
        """How the model is now."""
        if self._config.source is None:
            return TargetState("missing", self._config.missing or "no source is configured")
        status, reason = self._supervisor.status, self._supervisor.reason
        if status == "loading" and self._fetched is not None:
            reason = self._fetched
        return TargetState(status, reason, self._supervisor.takes_requests)

    def stats(self) -> EngineStats:
        """How busy the model is."""
        supervisor = self._supervisor
        life = EngineStats(
            restarts_total=supervisor.restarts,
            loads_total=supervisor.loads,
            memory_bytes=supervisor.memory_bytes,
            status=self.state().status,
        )
        pong = supervisor.pong
        if pong is None:
            return life
        return replace(
            life,
            queued=pong.queued,
            live=pong.live,
            wait_ms=pong.wait_ms,
            kv_used=pong.kv_used,
            kv_size=pong.kv_size,
            tokens_per_s=pong.tokens_per_s,
            prompt_tokens_total=pong.prompt_tokens_total,
            cached_tokens_total=pong.cached_tokens_total,
            completion_tokens_total=pong.completion_tokens_total,
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Answer `request`; see `Backend`. A model that is not in memory is loaded first."""
        power = nullcontext() if self._power is None else self._power.counted(request.bill)
        with self._supervisor.activity.use(), power:
            client = await self._supervisor.connect()
            stream = client.submit(submit_of(request, client.next_id(), self._sampling))
            deltas, batch = Deltas(), list[Answer]()
            try:
                while True:
                    batch = await stream.batch()
                    for event in deltas.of(batch):
                        if type(event) is Usage:
                            batch = []
                            yield event
                            return
                        yield event
            finally:
                # Whoever breaks off in the middle of the last batch has not seen the count at its end.
                used = await stream.stop(STOP_S) or next((one for one in batch if isinstance(one, wire.Used)), None)
                if used is not None:
                    request.bill.usage = usage_of(used)

    async def embed(self, request: EmbeddingRequest) -> wire.Embedded:
        """One vector for each input, as little-endian float32; giving up frees the engine.

        Raises:
            RouterError: the engine refused the request, failed, or is not ready.
        """
        inputs = [given if isinstance(given, str) else list(given) for given in request.inputs]
        with self._supervisor.activity.use():
            client = await self._supervisor.connect()
            return await client.ask(wire.Embed(client.next_id(), inputs, request.dimensions), wire.Embedded)

    def unheeded(self, request: ChatRequest) -> frozenset[str]:
        """What means nothing to a model that only writes text."""
        return unheeded(request, HEEDED) | unread(request)

    async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        """The token ids of `text`, by default as a prompt has them. A model that is not in memory is loaded first.

        Raises:
            RouterError: the engine failed, or is not ready.
        """
        with self._supervisor.activity.use():
            client = await self._supervisor.connect()
            return (await client.ask(wire.Tokenize(client.next_id(), text, add_special), wire.Tokenized)).tokens

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`.

        Raises:
            RouterError: as `tokenize`; `BadRequest` for an id that the vocabulary does not have.
        """
        with self._supervisor.activity.use():
            client = await self._supervisor.connect()
            return (await client.ask(wire.Detokenize(client.next_id(), [*tokens]), wire.Detokenized)).text

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Exact length of the rendered prompt, or None while the model is not in memory or does not answer in time."""
        client = self._supervisor.client
        if client is None:
            return None
        prompt = request.prompt
        if isinstance(prompt, tuple):
            return len(prompt)
        try:
            with self._supervisor.activity.use():
                async with asyncio.timeout(COUNT_S):
                    if prompt is not None:
                        asked = wire.Tokenize(client.next_id(), prompt)
                        return len((await client.ask(asked, wire.Tokenized)).tokens)
                    command = wire.Count(client.next_id(), messages_of(request), tools_of(request))
                    return (await client.ask(command, wire.Counted)).tokens
        except (RouterError, TimeoutError):
            return None

    async def _prepare(self) -> Plan:
        """Find, fetch and check the files. Raises `NotServableError`."""
        assert self._config.source is not None  # noqa: S101 - start() needs one
        path, file = await self._resolve(self._config.source, self._config.sha256)
        header = await _checked(partial(inspect, path), file)
        adapters = {name: await self._adapter(name, source, header) for name, source in self._config.adapters.items()}
        settings = settings_of(self._config, header, adapters)
        self._config = replace(self._config, context=settings.context)
        self._sampling = defaults_of(self._config, header)
        needed = need(header, settings).total
        objection = self._budget.objection(needed)
        if objection is not None:
            raise NotServableError(f"{path}: {objection}", file)
        return Plan(settings, file, needed)

    async def _adapter(self, name: str, written: str, base: Gguf) -> Path:
        try:
            path, file = await self._resolve(written, None)
            await _checked(partial(inspect_adapter, path, base), file)
        except NotServableError as error:
            raise NotServableError(f"adapter {name}: {error}", error.file) from error
        return path

    async def _resolve(self, written: str, sha256: str | None) -> tuple[Path, Snapshot]:
        watched: Snapshot | None = None
        try:
            file = Snapshot.of(place(written, self._cache_dir))
            # A file that is not there yet cannot change where the hub has to deliver it: then only time helps.
            watched = None if written.startswith("hf:") and not file.exists else file
            path = await self._fetch(written, sha256, needs_report=watched is None)
        except SourceError as error:
            raise NotServableError(str(error), watched) from error
        return path, Snapshot.of(path)

    async def _fetch(self, written: str, sha256: str | None, *, needs_report: bool) -> Path:
        cache_dir = self._cache_dir
        if not needs_report:
            return await source.resolve(written, sha256, cache_dir)
        with shown(self._config.name, self._console) as show:

            def report(done: int, total: int | None) -> None:
                show(done, total)
                self._fetched = f"downloading, {done * 100 // total} %" if total else f"downloading, {decimal(done)}"

            try:
                return await source.resolve(written, sha256, cache_dir, report)
            finally:
                self._fetched = None


async def _checked(check: Callable[[], Gguf], file: Snapshot) -> Gguf:
    """The header that `check` reads. Raises `NotServableError` until `file` changes."""
    try:
        return await asyncio.to_thread(check)
    except GgufError as error:
        raise NotServableError(str(error), file) from error
