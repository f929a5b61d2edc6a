"""A Hugging Face hub of one file on a real port, which breaks in the ways a test asks for."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SOURCE = "hf:org/tiny-GGUF/tiny.gguf@abc123"
PATH = "/org/tiny-GGUF/resolve/abc123/tiny.gguf"


@dataclass
class Hub:
    """What is served and how it fails; `asked` holds the method and the headers of each request."""

    data: bytes
    breaks_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ignores_ranges: bool = False
    lies_about_ranges: int = 0
    tells_size: bool = True
    sha256: str | None = None
    missing: str | None = None
    location: str | None = None
    holds: asyncio.Event | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    @property
    def ranges(self) -> list[str | None]:
        """The range of each GET, in order."""
        return [headers.get("range") for method, headers in self.asked if method == "GET"]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request for each connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method = head[0].split()[0]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        self.asked.append((method, headers))
        try:
            await (self._head(writer) if method == "HEAD" else self._get(writer, headers))
            await writer.drain()
        finally:
            writer.close()

    async def _head(self, writer: asyncio.StreamWriter) -> None:
        if self.missing is not None:
            _reply(writer, "404 Not Found", {"X-Error-Code": self.missing})
            return
        digest = self.sha256 or hashlib.sha256(self.data).hexdigest()
        headers = {"X-Repo-Commit": "abc123", "X-Linked-Etag": f'"{digest}"'}
        if self.tells_size:
            headers |= {"X-Linked-Size": str(len(self.data)), "Content-Length": str(len(self.data))}
        else:
            headers["Transfer-Encoding"] = "chunked"
        _reply(writer, "200 OK", headers)

    async def _get(self, writer: asyncio.StreamWriter, headers: dict[str, str]) -> None:
        if self.location is not None:
            _reply(writer, "302 Found", {"Location": self.location})
            return
        if self.statuses:
            _reply(writer, f"{self.statuses.pop(0)} Trouble", {})
            return
        start, status, extra = 0, "200 OK", {}
        if "range" in headers and not self.ignores_ranges:
            start = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
            if self.lies_about_ranges:
                self.lies_about_ranges, start = self.lies_about_ranges - 1, 7
            if start >= len(self.data):
                _reply(writer, "416 Range Not Satisfiable", {})
                return
            status = "206 Partial Content"
            extra = {"Content-Range": f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"}
        body = self.data[start:]
        _reply(writer, status, extra | {"Content-Length": str(len(body))})
        if self.holds is not None and not self.holds.is_set():
            half = len(body) // 2
            writer.write(body[:half])
            await self.holds.wait()
            body = body[half:]
        writer.write(body[: self.breaks_after.pop(0)] if self.breaks_after else body)


def _reply(writer: asyncio.StreamWriter, status: str, headers: dict[str, str]) -> None:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in ({"Connection": "close"} | headers).items())]
    if not {"Content-Length", "Transfer-Encoding"} & set(headers):
        lines.append("Content-Length: 0")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


@asynccontextmanager
async def serving(hub: Hub) -> AsyncIterator[Hub]:
    """The hub on a port of its own; `hub.url` says where."""
    server = await asyncio.start_server(hub.handle, "127.0.0.1", 0)
    hub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.close()
        await server.wait_closed()
