"""Hot reload: a changed policy file is parsed, checked, tested and swapped in, or the old one goes on serving."""

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from watchfiles import awatch

from router import policy
from router.config import Config
from router.errors import ConfigError
from router.generations import Generations
from router.policy.lock import lock_path
from router.runtime import Runtime

logger = logging.getLogger("shunt.reload")


class Reloader:
    """Watches one policy file and its lock; SIGHUP asks for a reload even when neither has changed."""

    def __init__(self, generations: Generations, path: Path) -> None:
        self._generations = generations
        self._path = path
        self._turn = asyncio.Lock()
        self._seen = self._digest()
        self._asked: set[asyncio.Task[bool]] = set()

    async def run(self) -> None:
        """Reload on every change until cancelled."""
        loop = asyncio.get_running_loop()
        # Only the main thread may have signals; a server in another one still watches the file.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(signal.SIGHUP, self._ask)
        try:
            # The folder, because editors and configuration maps put a new file in the old one's place.
            async for _changes in awatch(self._path.parent, recursive=False):
                if self._digest() != self._seen:
                    await self.reload()
        finally:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(signal.SIGHUP)

    async def reload(self) -> bool:
        """Take the file as it is now; False when it was rejected and the old policy goes on serving."""
        async with self._turn:
            self._seen = self._digest()
            try:
                runtime = await asyncio.to_thread(_prepared, self._path, self._generations.current)
            except ConfigError as error:
                self._generations.reject(error)
                logger.error("the policy file was not taken, the old one goes on: %s", "; ".join(error.problems))  # noqa: TRY400 - the words are all there is to it
                return False
            await self._generations.take_over(runtime)
            logger.info("the policy file was loaded again")
            for warning in runtime.config.warnings:
                logger.warning("%s", warning)
            return True

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


def _prepared(path: Path, before: Runtime) -> Runtime:
    """The runtime for the file, not started. Raises `ConfigError` when it is wrong or one of its tests fails."""
    config = _bound(policy.load(path), before.config)
    runtime = Runtime(config, before)
    failed = [result for result in policy.run_tests(config, runtime.classifier) if not result.passed]
    if failed:
        raise ConfigError(*(f"{path}:{result.test.line}: {'; '.join(result.failures)}" for result in failed))
    return runtime


def _bound(config: Config, before: Config) -> Config:
    """What a process cannot change while it runs stays as it is: its socket and gate, its folders, its memory."""
    return replace(
        config,
        server=before.server,
        state_dir=before.state_dir,
        cache_dir=before.cache_dir,
        memory_budget_bytes=before.memory_budget_bytes,
    )
