"""A GGUF model on this machine, served by a supervised engine child."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal

from router.backends.base import TargetState
from router.backends.local_answer import Deltas
from router.backends.local_request import messages_of, submit_of, tools_of
from router.chat import ChatRequest, EmbeddingRequest, Event, Usage
from router.config import Config, ModelConfig
from router.engine import source, wire
from router.engine.client import EngineClient
from router.engine.gguf import GgufError
from router.engine.inspection import inspect
from router.engine.location import SourceError, place
from router.engine.progress import messages, shown
from router.engine.serving import settings_of
from router.engine.supervisor import NotServableError, Plan, Rhythm, Supervisor
from router.engine.watch import Snapshot
from router.errors import RouterError, UpstreamRefused

COUNT_S = 5.0


@dataclass(frozen=True, slots=True)
class EngineStats:
    """How busy a local model is, from its last heartbeat, at most a second ago; the `*_total` restart with the child."""

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


class LocalBackend:
    """One local model. It is `loading` while its file is fetched and while the child loads it."""

    def __init__(
        self, config: ModelConfig, settings: Config, *, rhythm: Rhythm | None = None, console: Console | None = None
    ) -> None:
        self._config = config
        self._cache_dir = settings.cache_dir
        self._console = console or messages
        self._fetched: str | None = None
        self._supervisor = Supervisor(config.name, self._prepare, rhythm=rhythm)

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
        return TargetState(status, reason)

    def stats(self) -> EngineStats:
        """How busy the model is."""
        restarts, pong = self._supervisor.restarts, self._supervisor.pong
        if pong is None:
            return EngineStats(restarts_total=restarts)
        return EngineStats(
            queued=pong.queued,
            live=pong.live,
            wait_ms=pong.wait_ms,
            kv_used=pong.kv_used,
            kv_size=pong.kv_size,
            tokens_per_s=pong.tokens_per_s,
            prompt_tokens_total=pong.prompt_tokens_total,
            cached_tokens_total=pong.cached_tokens_total,
            completion_tokens_total=pong.completion_tokens_total,
            restarts_total=restarts,
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Answer `request`; see `Backend`."""
        client = self._ready_client()
        stream = client.submit(submit_of(request, client.next_id()))
        deltas = Deltas()
        try:
            while True:
                for event in deltas.of(await stream.batch()):
                    yield event
                    if type(event) is Usage:
                        return
        finally:
            stream.close()

    async def embed(self, request: EmbeddingRequest) -> wire.Embedded:
        """One vector for each input, as little-endian float32; giving up frees the engine.

        Raises:
            RouterError: the engine refused the request, failed, or is not ready.
        """
        client = self._ready_client()
        inputs = [given if isinstance(given, str) else list(given) for given in request.inputs]
        return await client.ask(wire.Embed(client.next_id(), inputs, request.dimensions), wire.Embedded)

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Exact length of the rendered prompt, or None while the model is not ready or does not answer in time."""
        client = self._supervisor.client
        if client is None:
            return None
        command = wire.Count(client.next_id(), messages_of(request), tools_of(request))
        try:
            async with asyncio.timeout(COUNT_S):
                return (await client.ask(command, wire.Counted)).tokens
        except (RouterError, TimeoutError):
            return None

    def _ready_client(self) -> EngineClient:
        client = self._supervisor.client
        if client is None:
            state = self.state()
            raise UpstreamRefused(f"{self._config.name} is {state.status}.")
        return client

    async def _prepare(self) -> Plan:
        """Find, fetch and check the file. Raises `NotServableError`."""
        assert self._config.source is not None  # noqa: S101 - start() needs one
        path, file = await self._resolve(self._config.source)
        try:
            header = await asyncio.to_thread(inspect, path)
        except GgufError as error:
            raise NotServableError(str(error), file) from error
        settings = settings_of(self._config, header)
        self._config = replace(self._config, context=settings.context)
        return Plan(settings, file)

    async def _resolve(self, written: str) -> tuple[Path, Snapshot]:
        watched: Snapshot | None = None
        try:
            file = Snapshot.of(place(written, self._cache_dir))
            # A file that is not there yet cannot change where the hub has to deliver it: then only time helps.
            watched = None if written.startswith("hf:") and not file.exists else file
            path = await self._fetch(written, needs_report=watched is None)
        except SourceError as error:
            raise NotServableError(str(error), watched) from error
        return path, Snapshot.of(path)

    async def _fetch(self, written: str, *, needs_report: bool) -> Path:
        sha256, cache_dir = self._config.sha256, self._cache_dir
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
