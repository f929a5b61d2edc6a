"""Drives one real engine child over its socket, from ordinary blocking code."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from router.engine import settings, wire
from router.engine.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]


class ChildDriver:
    """A child for `model`; use it in a with statement."""

    def __init__(self, model: Path, *, context: int = 256, parallel: int = 4, queue: int = 64, **more: object) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="shunt-")
        path = f"{self._folder.name}/engine"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        how = Settings(path, str(model), context, parallel, queue, threads=1, **more)  # type: ignore[arg-type]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "router.engine.child", settings.dump(how)],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        listener.settimeout(60)
        self.connection, _ = listener.accept()
        self.connection.settimeout(60)
        listener.close()
        self._splitter = wire.Splitter()
        self._events: list[wire.Event] = []
        self._last_id = 0
        self.hello = self.event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            self._folder.cleanup()

    def new_id(self) -> int:
        """An id that was not used yet."""
        self._last_id += 1
        return self._last_id

    def send(self, *commands: wire.Command) -> None:
        """Send the commands in one frame."""
        self.connection.sendall(wire.frame(commands))

    def event(self) -> wire.Event:
        """The next event, whatever it is about."""
        while not self._events:
            data = self.connection.recv(1 << 18)
            if not data:
                raise EOFError
            for payload in self._splitter.feed(data):
                self._events += wire.events(payload)
        return self._events.pop(0)

    def until_done(self, ids: Iterable[int]) -> dict[int, list[wire.Event]]:
        """All events of these requests, by request, to the last one's end."""
        open_ids = set(ids)
        found: dict[int, list[wire.Event]] = {id_: [] for id_ in open_ids}
        while open_ids:
            event = self.event()
            found.setdefault(event.id, []).append(event)  # type: ignore[union-attr]
            if isinstance(event, wire.Used | wire.Failed):
                open_ids.discard(event.id)
        return found

    def ask(self, **fields: object) -> list[wire.Event]:
        """All events of one request."""
        id_ = self.new_id()
        self.send(wire.Submit(id_, **fields))  # type: ignore[arg-type]
        return self.until_done([id_])[id_]

    def ask_all(self, requests: Iterable[dict[str, object]]) -> list[list[wire.Event]]:
        """All events of requests that were sent together, in their order."""
        submits = [wire.Submit(self.new_id(), **fields) for fields in requests]  # type: ignore[arg-type]
        self.send(*submits)
        found = self.until_done(submit.id for submit in submits)
        return [found[submit.id] for submit in submits]


def text(events: Iterable[wire.Event], index: int = 0) -> str:
    """What choice `index` said."""
    return "".join(event.text for event in events if isinstance(event, wire.Piece) and event.index == index)


def used(events: list[wire.Event]) -> wire.Used:
    """What the request cost; fails the test when it was refused."""
    last = events[-1]
    assert isinstance(last, wire.Used), last
    return last


def failed(events: list[wire.Event]) -> wire.Failed:
    """Why it was refused; fails the test when it was not."""
    last = events[-1]
    assert isinstance(last, wire.Failed), last
    return last


def reasons(events: Iterable[wire.Event]) -> dict[int, str]:
    """How each choice ended."""
    return {event.index: event.reason for event in events if isinstance(event, wire.Finished)}


def user(content: str) -> list[dict[str, object]]:
    """A conversation of one message."""
    return [{"role": "user", "content": content}]


GREEDY = wire.Sampling(temperature=0)
