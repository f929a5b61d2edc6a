"""The child's end of the socket: one thread that reads commands, one that writes events."""

import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final

from router.engine import wire

READ_BYTES: Final = 1 << 18
PARENT_CHECK_S: Final = 1.0
FAREWELL_S: Final = 2.0


class Outbox:
    """Frames and sends events in a thread of its own, so that a slow parent never holds the decode thread up."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._queue: SimpleQueue[list[wire.Event] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def send(self, events: list[wire.Event]) -> None:
        """Queue the events of one step; returns at once."""
        self._queue.put(events)

    def close(self) -> None:
        """Send what is queued, for as long as `FAREWELL_S`."""
        self._queue.put(None)
        self._thread.join(FAREWELL_S)

    def _run(self) -> None:
        with suppress(OSError):  # the parent is gone; the reader notices and ends the process
            while (events := self._queue.get()) is not None:
                self._connection.sendall(wire.frame(events))


class Inbox(threading.Thread):
    """Reads commands and hands each to `take`; calls `gone` when the parent has hung up or died."""

    def __init__(
        self, connection: socket.socket, take: Callable[[wire.Command], None], gone: Callable[[], None]
    ) -> None:
        super().__init__(name="inbox", daemon=True)
        self._connection = connection
        self._take = take
        self._gone = gone
        self._parent = os.getppid()

    def run(self) -> None:
        """Read until the parent is gone, then give the loop `FAREWELL_S` to leave before the process ends anyway."""
        with suppress(OSError, wire.WireError):
            self._read()
        # A decode that takes long must not keep a process alive that nobody talks to.
        threading.Timer(FAREWELL_S, os._exit, (1,)).start()
        self._gone()

    def _read(self) -> None:
        splitter = wire.Splitter()
        # select, not a socket timeout: the writer shares the socket and must be allowed to block.
        while data := self._receive():
            for payload in splitter.feed(data):
                for command in wire.commands(payload):
                    self._take(command)

    def _receive(self) -> bytes:
        """The next bytes; nothing when the parent is gone."""
        while not _is_readable(self._connection, PARENT_CHECK_S):
            if os.getppid() != self._parent:
                return b""
        return self._connection.recv(READ_BYTES)


def _is_readable(connection: socket.socket, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))
