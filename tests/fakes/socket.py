"""One raw HTTP/1.1 connection of a scripted server: requests in, exactly the bytes that a script wants out."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came over the wire; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        """The body as an object; empty when there is none."""
        return json.loads(self.body) if self.body else {}


class Connection(asyncio.Protocol):
    """Reads requests one at a time and hands each to `serve`; `is_gone` is set as soon as the client leaves.

    `is_cut` tells that the server itself ended it.
    """

    def __init__(self, serve: Callable[["Connection", Received], Awaitable[None]], open_connections: set) -> None:
        self.is_gone = asyncio.Event()
        self.is_cut = False
        self._serve = serve
        self._open = open_connections
        self._buffer = bytearray()
        self._more = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._open.add(self)
        self._task = asyncio.ensure_future(self._requests())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._more.set()

    def eof_received(self) -> bool:
        self._leave()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._open.discard(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _leave(self) -> None:
        self.is_gone.set()
        self._more.set()
        self._writable.set()

    async def _requests(self) -> None:
        while (request := await self._read_request()) is not None:
            await self._serve(self, request)
        self.transport.close()

    async def _read_request(self) -> Received | None:
        while b"\r\n\r\n" not in self._buffer:
            if not await self._has_more():
                return None
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        self._buffer[:] = rest
        while len(self._buffer) < length:
            if not await self._has_more():
                return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        method, path, _version = first.split(" ")
        return Received(method, path, headers, body)

    async def _has_more(self) -> bool:
        self._more.clear()
        if not self.is_gone.is_set():
            await self._more.wait()
        return not self.is_gone.is_set()

    async def send(self, data: bytes) -> None:
        """Write `data` as it is, waiting for a slow reader; nothing is written to one that has left."""
        if not self.is_gone.is_set():
            self.transport.write(data)
            await self._writable.wait()

    async def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Write the status line and `headers`."""
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send_whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Write a complete answer with its length."""
        await self.send_head(status, {"content-length": str(len(body)), **headers})
        await self.send(body)

    async def send_piece(self, data: bytes) -> None:
        """Write one piece of a chunked body; an empty one would end it."""
        if data:
            await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end_pieces(self) -> None:
        """End a chunked body cleanly."""
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        self.is_cut = True
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self) -> None:
        """Close the connection as a server does that has had enough."""
        self.is_cut = True
        self.transport.close()

    async def stop(self) -> None:
        """End the connection and its task, whatever they are doing."""
        self.is_cut = True
        self.transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
