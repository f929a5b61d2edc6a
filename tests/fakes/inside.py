"""The application without a socket, over models that always say the same."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from router import policy
from router.app import build
from router.backends.base import TargetState
from router.backends.local import LocalBackend
from router.chat import Chunk, Usage
from router.engine import wire

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: /nowhere.gguf, can: [chat, json, tools, vision, audio]}}
  vectors: {{backend: llama.cpp, source: /nowhere.gguf, can: [embeddings]}}
tiers: [small]
policies:
  auto: {{select: [{{id: all, target: small}}]}}
state_dir: {folder}
"""


class Small(LocalBackend):
    """A model that is always ready and says the same."""

    def state(self) -> TargetState:
        return TargetState("ready")

    async def stream(self, request):
        for index in range(request.params.get("n") or 1):
            yield Chunk({"content": "Hi"}, index)
            yield Chunk({}, index, "stop")
        yield Usage(3, 1)

    async def start(self) -> None:
        pass

    async def count_tokens(self, request) -> int:
        return 3

    async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        return [ord(char) for char in text]

    async def detokenize(self, tokens) -> str:
        return "".join(chr(token % 100) for token in tokens) or "x"

    async def embed(self, request) -> wire.Embedded:
        return wire.Embedded(1, [bytes(8) for _ in request.inputs], 1)


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """The application without a socket."""

    def __init__(self, app, runner: asyncio.Runner) -> None:
        self.app, self.runner = app, runner

    def send(self, path: str, bodies: list[bytes]) -> list[Answer]:
        """The answer to each body, posted one after the other."""

        async def each() -> list[Answer]:
            return [await self._ask("POST", path, {"content-type": "application/json"}, body) for body in bodies]

        return self.runner.run(each())

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to one request of any kind; `url` without its origin."""
        return self.runner.run(self._ask(method, url, headers, body))

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        waiting, seen = [{"type": "http.request", "body": body}], []

        async def receive() -> dict:
            return waiting.pop() if waiting else await asyncio.Event().wait()

        async def send(message: dict) -> None:
            seen.append(message)

        path, _, query = url.partition("?")
        sent = {"content-length": str(len(body))} | {name.lower(): value for name, value in headers.items()}
        scope = {"type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(),
                 "query_string": query.encode(), "http_version": "1.1", "scheme": "http",
                 "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]}  # fmt: skip
        await self.app(scope, receive, send)
        start, *rest = seen
        named = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], named, b"".join(message.get("body", b"") for message in rest))


@contextmanager
def running(folder: Path) -> Iterator[Client]:
    """The application with its state in `folder`."""
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(folder=folder / "state"))
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        patch.setattr("router.runtime.build", lambda model, config, budget, *_: Small(model, config, budget=budget))
        app = build(policy.load(path, {}))
        inner = app
        while not hasattr(inner, "router"):
            inner = inner.app
        lifespan = inner.router.lifespan_context(inner)
        runner.run(lifespan.__aenter__())
        yield Client(app, runner)
        runner.run(lifespan.__aexit__(None, None, None))
