"""Asking a running server for its metrics."""

import asyncio
from collections.abc import Callable

import aiohttp

from router.errors import ConfigError

PATIENCE = aiohttp.ClientTimeout(total=10)


def scraper(url: str, key: str | None) -> Callable[[], str] | None:
    """What asks for the metrics at `url`; None when nobody listens there.

    Raises:
        ConfigError: the server wants a key.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}

    def scrape() -> str:
        return asyncio.run(_get(url, headers))

    try:
        scrape()
    except (aiohttp.ClientError, TimeoutError):
        return None
    return scrape


async def _get(url: str, headers: dict[str, str]) -> str:
    async with aiohttp.ClientSession(timeout=PATIENCE, headers=headers) as http, http.get(url) as answer:
        if answer.status != 200:
            raise ConfigError(f"{url} answers {answer.status}: give a key with --key or SHUNT_API_KEY")
        return await answer.text()
