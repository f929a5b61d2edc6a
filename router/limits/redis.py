"""The Redis in which replicas keep what they have in common. An answer comes within a quarter of a second or not at all."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from router.limits.claim import Call, Granted, Reply, Sum

PREFIX = "{shunt}:limits:"  # the braces keep all of it in one slot of a cluster
PATIENCE_S = 0.25
SCRIPT = Path(__file__).with_name("shared.lua")


class Desk:
    """One connection's worth of calls to `address`."""

    def __init__(self, address: str, patience_s: float | None = None) -> None:
        patience_s = PATIENCE_S if patience_s is None else patience_s
        self._patience_s = patience_s
        self._client: Redis = Redis.from_url(
            address,
            socket_timeout=patience_s,
            socket_connect_timeout=patience_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._run = self._client.register_script(SCRIPT.read_text())

    async def call(self, call: Call) -> Reply:
        """Do it.

        Raises:
            ConnectionError: Redis did not answer in time, or not as it should; the call may have been done all the same.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                answered = await self._run(keys=[PREFIX], args=[msgspec.json.encode(call)])
            return _reply(answered)
        except (RedisError, OSError, TimeoutError, ValueError, TypeError) as error:
            raise ConnectionError(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def ping(address: str, patience_s: float) -> None:
    """Ask the Redis at `address` whether it is there.

    Raises:
        ValueError: that is no address.
        ConnectionError: it does not answer.
    """
    client: Redis = Redis.from_url(address, socket_timeout=patience_s, socket_connect_timeout=patience_s)
    try:
        await client.ping()
    except (RedisError, OSError, TimeoutError) as error:
        raise ConnectionError(type(error).__name__) from error
    finally:
        await client.aclose()


def _reply(answered: Any) -> Reply:
    granted, unknown, accounts, levels = answered
    return Reply(
        tuple(Granted(one[0].decode(), int(one[1]) - 1, int(one[2]) / 1000) for one in granted),
        tuple(one.decode() for one in unknown),
        {name.decode(): Sum(*(int(part) for part in parts)) for name, *parts in accounts},
        {name.decode(): float(level) for name, level in levels},
    )
