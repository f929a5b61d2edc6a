"""A child that says what the test tells it to, at the other end of a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router.engine import wire
from router.engine.client import EngineClient


class ScriptedChild:
    """The other end: reads commands, and sends whatever it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._splitter = wire.Splitter()
        self._commands: list[wire.Command] = []

    async def read(self) -> wire.Command:
        """The next command."""
        while not self._commands:
            for payload in self._splitter.feed(await self._reader.read(1 << 16)):
                self._commands += wire.commands(payload)
        return self._commands.pop(0)

    async def send(self, *events: wire.Event) -> None:
        """One frame."""
        self.writer.write(wire.frame(events))
        await self.writer.drain()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[EngineClient, ScriptedChild]]:
    """Both ends of a real socket."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_unix_connection(EngineClient, sock=ours)
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    try:
        yield client, ScriptedChild(reader, writer)
    finally:
        transport.close()
        writer.close()
        await writer.wait_closed()
