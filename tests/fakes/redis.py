"""A Redis of a test's own: on a socket in its folder, without a memory that outlives it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.patience import PATIENCE_S

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(SERVER is None, reason="needs redis-server, which is not on this machine")


class RedisServer:
    """A server at `address`; it can be killed and started again, and then knows nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "redis.sock"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"unix://{self._path}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(SERVER), "--port", "0", "--unixsocket", str(self._path), "--save", "", "--dir", str(self._folder),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_S):
            while not await self._accepts():
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        await self._process.wait()
        self._path.unlink()

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self._path))
        except OSError:
            return False
        writer.close()
        return True


@asynccontextmanager
async def redis_server(folder: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
