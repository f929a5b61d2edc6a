"""Keeps a stream alive while its target is silent, as it is for the length of a long prompt."""

import asyncio
from collections.abc import Callable

from starlette.types import Send

from router.config import ServerConfig

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Pulse:
    """Opens the response, sends its frames, and `ping` whenever nothing was sent for a while.

    The status waits for the first frame, since an error before it has its real status. It waits no longer than
    `keepalive_s` once nobody else `may_answer`, and no longer than `open_after_s` otherwise.
    """

    def __init__(self, send: Send, ping: bytes, server: ServerConfig, may_answer: Callable[[], bool]) -> None:
        self.is_open = False
        self._send = send
        self._ping = ping
        self._server = server
        self._may_answer = may_answer
        self._now = asyncio.get_running_loop().time
        self._began = self._last = self._now()
        self._opening = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        # Most streams are never silent for long: until one is, this is a timer and no task.
        self._timer = asyncio.get_running_loop().call_later(self._first_wait(), self._wake)

    async def say(self, frame: bytes) -> None:
        """Send one frame."""
        if not self.is_open:
            await self._open()
        self._last = self._now()
        await self._send({"type": "http.response.body", "body": frame, "more_body": True})

    async def open(self) -> None:
        """Send the status, if it is not out yet."""
        if not self.is_open:
            await self._open()

    async def end(self, frame: bytes) -> None:
        """Send the last frame."""
        await self.stop()
        await self.open()
        await self._send({"type": "http.response.body", "body": frame})

    async def stop(self) -> None:
        """Send no more pings."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _first_wait(self) -> float:
        return min(self._server.keepalive_s, self._server.open_after_s)

    def _wake(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            wait_s = self._due() - self._now()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            await self.open()
            self._last = self._now()
            await self._send({"type": "http.response.body", "body": self._ping, "more_body": True})

    def _due(self) -> float:
        """When the next ping is due, as far as is known: whether somebody else may answer can change at any time."""
        if self.is_open:
            return self._last + self._server.keepalive_s
        latest = self._began + self._server.open_after_s
        if not self._may_answer():
            return min(self._began + self._server.keepalive_s, latest)
        return min(latest, self._now() + self._server.keepalive_s)

    async def _open(self) -> None:
        async with self._opening:
            if not self.is_open:
                await self._send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS]})
                self.is_open = True
