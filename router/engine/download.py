"""Fetching one large file over HTTP: in pieces that survive a break, and under its name only when it is whole."""

import asyncio
import fcntl
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from rich.filesize import decimal

from router.engine.hub import Remote
from router.engine.location import SourceError
from router.engine.part import CHUNK_BYTES, Part
from router.engine.progress import Report
from router.engine.watch import Sleep

TRIES = 6  # in a row without a single new byte
LONGEST_PAUSE_S = 30.0
LOCK_POLL_S = 0.5
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-")


class _BrokenError(Exception):
    """The transfer stopped early; what came is kept."""


async def download(
    remote: Remote, target: Path, sha256: str | None, report: Report, *, sleep: Sleep = asyncio.sleep
) -> str | None:
    """Fetch `remote` to `target` and return its SHA-256, or None when another process has fetched it meanwhile.

    What an earlier attempt left is completed, even one of an earlier process. Raises `SourceError`.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(target, sleep):
            if await asyncio.to_thread(target.exists):
                return None
            return await _download(remote, Part(target, remote.tag), sha256, report, sleep)
    except OSError as error:
        raise SourceError(f"{target} cannot be written: {error.strerror or error}") from error


async def _download(remote: Remote, part: Part, sha256: str | None, report: Report, sleep: Sleep) -> str:
    try:
        await asyncio.to_thread(part.open)
        _check_room(remote, part)
        await _fill(remote, part, report, sleep)
        await asyncio.to_thread(part.finish, sha256 or remote.sha256)
        return part.digest
    finally:
        part.close()


def _check_room(remote: Remote, part: Part) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if remote.size is not None and remote.size - part.size > free:
        raise SourceError(f"{part.path.parent} has {decimal(free)} free, and {decimal(remote.size)} are needed")


async def _fill(remote: Remote, part: Part, report: Report, sleep: Sleep) -> None:
    """Pull until the part is whole, through as many breaks as there are, while something new comes each time."""
    failures = 0
    async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True) as session:
        while not _is_whole(remote, part):
            before = part.size
            try:
                await _pull(session, remote, part, report)
            except (_BrokenError, aiohttp.ClientError, TimeoutError) as error:
                failures = 1 if part.size > before else failures + 1
                if failures >= TRIES:
                    why = str(error) or type(error).__name__
                    raise SourceError(
                        f"{part.path.name}: the transfer broke off ({why}); {decimal(part.size)} are kept for next time"
                    ) from error
                await sleep(min(2.0 ** (failures - 1), LONGEST_PAUSE_S))
            else:
                if remote.size is None:
                    return


def _is_whole(remote: Remote, part: Part) -> bool:
    if remote.size is not None and part.size > remote.size:
        part.restart()
    return part.size == remote.size


async def _pull(session: aiohttp.ClientSession, remote: Remote, part: Part, report: Report) -> None:
    """One request for what is missing. Raises `_BrokenError` or aiohttp's errors when it does not all come."""
    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
    async with session.get(remote.url, headers=headers) as response:
        await _check(response, part)
        while chunk := await response.content.read(CHUNK_BYTES):
            await asyncio.to_thread(part.append, chunk)
            report(part.size, remote.size)
    if remote.size is not None and part.size < remote.size:
        raise _BrokenError("the connection was closed early")


async def _check(response: aiohttp.ClientResponse, part: Part) -> None:
    """What follows must be the next bytes of the part, or the part starts over."""
    if response.status in _RETRIED:
        raise _BrokenError(f"{response.url.host} answered {response.status}")
    if response.status == 206:
        start = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if start is not None and int(start[1]) == part.size:
            return
        await asyncio.to_thread(part.restart)
        raise _BrokenError("the server sent another range than was asked for")
    if response.status == 416:
        await asyncio.to_thread(part.restart)
        raise _BrokenError("the server has less than is here already")
    if response.status != 200:
        raise SourceError(f"{response.url.host} answered {response.status} for {part.path.name}")
    if part.size:
        await asyncio.to_thread(part.restart)


@asynccontextmanager
async def _locked(target: Path, sleep: Sleep) -> AsyncGenerator[None]:
    """Only one process fetches a file; the others wait for it."""
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        while not _try_lock(lock.fileno()):
            await sleep(LOCK_POLL_S)
        yield


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
