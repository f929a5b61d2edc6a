"""Hot reload: a changed policy file is parsed, checked, tested and swapped in, or the old one goes on serving."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from watchfiles import awatch

from router import policy
from router.config import Config
from router.control import Applied, listening
from router.errors import ConfigError
from router.generations import Generations
from router.policy.document import parse
from router.policy.loading import Source, compiled
from router.policy.lock import lock_path
from router.runtime import Runtime

LOOK_MS = 1_000  # what came before the watch began, or on a file system that tells nothing, is found by looking
STEP_MS = 20  # a change is looked at once the folder has been quiet for so long

logger = logging.getLogger("shunt.reload")


class Reloader:
    """Watches one policy file and its lock; SIGHUP asks for a reload even when neither has changed."""

    def __init__(self, generations: Generations, path: Path) -> None:
        self._generations = generations
        self._path = path
        self._turn = asyncio.Lock()
        self._seen = self._digest()
        self._asked: set[asyncio.Task[Applied]] = set()
        self._started_with = _bytes(path)

    async def run(self) -> None:
        """Reload on every change until cancelled."""
        loop = asyncio.get_running_loop()
        # Only the main thread may have signals; a server in another one still watches the file.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(signal.SIGHUP, self._ask)
        try:
            # The folder, because editors and configuration maps put a new file in the old one's place.
            async with listening(self._path, self.reload):
                changes = awatch(
                    self._path.parent, recursive=False, step=STEP_MS, rust_timeout=LOOK_MS, yield_on_timeout=True
                )
                async for _changes in changes:
                    if self._digest() != self._seen:
                        await self.reload()
        finally:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(signal.SIGHUP)

    async def reload(self) -> Applied:
        """Take the file as it is now; when it is rejected, the answer says why and the old policy goes on serving."""
        async with self._turn:
            self._seen = self._digest()
            try:
                runtime, kept = await asyncio.to_thread(self._prepared)
            except ConfigError as error:
                self._generations.reject(error)
                logger.error("the policy file was not taken, the old one goes on: %s", "; ".join(error.problems))  # noqa: TRY400 - the words are all there is to it
                return Applied(os.getpid(), error.problems)
            await self._generations.take_over(runtime, kept)
            logger.info("the policy file was loaded again")
            for warning in (*runtime.config.warnings, *kept):
                logger.warning("%s", warning)
            return Applied(os.getpid(), (), runtime.config.warnings, kept)

    def _prepared(self) -> tuple[Runtime, tuple[str, ...]]:
        """The runtime for the file, not started, and what of the file waits for the next start.

        Raises:
            ConfigError: the file is wrong, or one of its tests fails.
        """
        before, written = self._generations.current, policy.load(self._path)
        config = _bound(written, before.config)
        runtime = Runtime(config, before)
        failed = [result for result in policy.run_tests(config, runtime.classifier) if not result.passed]
        if failed:
            raise ConfigError(*(f"{self._path}:{result.test.line}: {'; '.join(result.failures)}" for result in failed))
        return runtime, tuple(_kept(self._first, written))

    @cached_property
    def _first(self) -> Config | None:
        """What the file said at the start, before options of the command line; None when that was not sound."""
        try:
            return compiled(parse(self._started_with, str(self._path)), Source(self._path, os.environ, locked=False))
        except ConfigError:
            return None

    def _ask(self) -> None:
        task = asyncio.ensure_future(self.reload())
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    def _digest(self) -> bytes:
        return sha256(b"\0".join(_bytes(path) for path in (self._path, lock_path(self._path)))).digest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _bound(config: Config, before: Config) -> Config:
    """What a process cannot change while it runs stays as it is: its socket and gate, folders, memory, cache and replicas."""
    return replace(
        config,
        server=before.server,
        cache=before.cache,
        replicas=before.replicas,
        state_dir=before.state_dir,
        cache_dir=before.cache_dir,
        memory_budget_bytes=before.memory_budget_bytes,
    )


def _kept(first: Config | None, now: Config) -> Iterator[str]:
    """What is read at the start alone and says something else by now; no value is shown, as some are secret."""
    if first is None:
        return
    for field in fields(now.server):
        if getattr(now.server, field.name) != getattr(first.server, field.name):
            yield _waits(f"server: {field.name}")
    for name, written in (
        ("state_dir", "state_dir"),
        ("cache_dir", "cache_dir"),
        ("cache", "cache"),
        ("replicas", "replicas"),
        ("memory_budget_bytes", "memory_budget_mib"),
    ):
        if getattr(now, name) != getattr(first, name):
            yield _waits(written)


def _waits(name: str) -> str:
    return f"{name} is read at the start alone: what it was goes on, restart Shunt for the new one"
