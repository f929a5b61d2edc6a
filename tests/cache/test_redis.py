"""Answers in a real Redis: shared between processes, gone after their time, and no harm when it is."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.cache.cache import store_of
from router.cache.redis import REST_S, RedisStore
from router.config import CacheSettings, Secret
from router.errors import ConfigError
from tests.fakes.patience import PATIENCE_S

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(SERVER is None, reason="needs redis-server, which is not on this machine")


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis of this test's own, on a socket in its folder."""
    path = tmp_path / "redis.sock"
    process = await asyncio.create_subprocess_exec(
        str(SERVER), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        await _accepts(path)
    yield f"unix://{path}"
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def _accepts(path: Path) -> None:
    while True:
        try:
            _, writer = await asyncio.open_unix_connection(str(path))
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


@needs_redis
async def test_replicas_share_answers(address: str):
    """What one keeps another finds; its time is Redis's business."""
    one, other = RedisStore(address), RedisStore(address)
    one.put("k", b"\x00answer", 60.0)
    one.put("gone", b"x", 0.001)
    await one.close()
    assert b"\x00answer" == await other.get("k")
    async with asyncio.timeout(PATIENCE_S):
        while await other.get("gone") is not None:
            await asyncio.sleep(0.005)
    assert None is await other.get("never")
    assert 0 == other.stats.failures
    await other.close()


@needs_redis
async def test_a_large_answer_is_not_sent(address: str):
    """A shared memory is nobody's to fill."""
    store = RedisStore(address)
    store.put("k", bytes((1 << 20) + 1), 60.0)
    assert None is await store.get("k")
    await store.close()


async def test_an_outage_is_a_miss_and_is_not_asked_about_again_at_once():
    """Nothing is raised; the next requests do not wait, until some seconds have passed."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        clock = Clock()
        store = RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", clock)
        assert None is await store.get("k")
        assert 1 == store.stats.failures
        assert None is await store.get("k")
        store.put("k", b"v", 60.0)
        assert 1 == store.stats.failures
        clock.now += REST_S
        store.put("k", b"v", 60.0)
        await store.close()
        assert 2 == store.stats.failures


async def test_an_address_that_is_none_is_a_mistake_in_the_file():
    """It is told at the start, by the variable's name and never by its value."""
    settings = CacheSettings(redis=Secret("REDIS_URL", "unix://"))
    secret = CacheSettings(redis=Secret("REDIS_URL", "redis://:hunter2@host:port/x"))
    for wrong in (secret, settings):
        try:
            cache = store_of(wrong)
        except ConfigError as error:
            assert "REDIS_URL" in str(error)
            assert "hunter2" not in str(error)
        else:
            await cache.close()
