"""A scripted OpenAI-compatible server on a real socket, with its own counts.

In a test: ``async with LargeServer() as large: large.script.append(faults.status(500))``. Each request takes the next
behaviour of the script, and the plain answer when the script is empty. As a process:
``python -m tests.fakes.large --port 0`` prints its base URL; ``GET /__counts`` tells its counts, and
``POST /__script`` with ``[{"fault": "status", "status": 500}]`` appends to its script.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self

from tests.fakes.socket import Connection, Received

DEFAULT_TOKENS = 12
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}


@dataclass
class Counts:
    """What the server itself saw. Tokens are counted when they are written to the socket."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    disconnects: int = 0
    connections: int = 0


@dataclass
class Call:
    """One request in the hands of a behaviour."""

    request: Received
    connection: Connection
    counts: Counts
    body: dict = field(init=False)

    def __post_init__(self) -> None:
        self.body = self.request.json

    @property
    def is_stream(self) -> bool:
        """True when the client asked for a stream."""
        return bool(self.body.get("stream"))

    @property
    def prompt_tokens(self) -> int:
        """Words of every text in the messages."""
        return count_prompt_tokens(self.body["messages"])

    def tokens(self) -> list[str]:
        """The words of the answer: DEFAULT_TOKENS of them, fewer under a lower cap."""
        return answer_tokens(min(self.limit or DEFAULT_TOKENS, DEFAULT_TOKENS))

    @property
    def limit(self) -> int | None:
        """The client's cap, under either name."""
        return self.body.get("max_completion_tokens") or self.body.get("max_tokens")

    @property
    def finish_reason(self) -> str:
        """`length` when the cap was what ended the answer."""
        return "length" if self.limit and self.limit < DEFAULT_TOKENS else "stop"

    def usage(self, completion_tokens: int) -> dict:
        """The usage object, counted."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        }

    def chunk(self, delta: dict, finish_reason: str | None = None, index: int = 0) -> dict:
        """One chat.completion.chunk."""
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {"id": "chatcmpl-large", "object": "chat.completion.chunk", "created": 1, "model": "large-1",
                "choices": [choice]}  # fmt: skip

    async def begin(self) -> None:
        """Open a stream: its head and the chunk that carries the role."""
        self.counts.prompt_tokens += self.prompt_tokens
        await self.connection.send_head(200, SSE)
        await self.event(self.chunk({"role": "assistant", "content": ""}))

    async def token(self, text: str) -> None:
        """Stream one token."""
        self.counts.completion_tokens += 1
        await self.event(self.chunk({"content": text}))

    async def event(self, data: object) -> None:
        """Stream one event."""
        await self.connection.send_piece(b"data: " + json.dumps(data).encode() + b"\n\n")

    async def finish(self, completion_tokens: int) -> None:
        """End a stream as OpenAI does: finish reason, usage if asked, [DONE]."""
        await self.event(self.chunk({}, self.finish_reason))
        if (self.body.get("stream_options") or {}).get("include_usage"):
            await self.event({**self.chunk({}), "choices": [], "usage": self.usage(completion_tokens)})
        await self.connection.send_piece(b"data: [DONE]\n\n")
        await self.connection.end_pieces()


Behaviour = Callable[[Call], Awaitable[None]]


def answer_tokens(count: int) -> list[str]:
    """`count` different words; the first one has no blank before it."""
    return [f"{' ' if number else ''}word{number}" for number in range(count)]


def count_prompt_tokens(messages: Sequence[dict]) -> int:
    """Words of every text in `messages`."""
    return sum(len(text.split()) for message in messages for text in _texts(message.get("content")))


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content or [] if part.get("type") == "text"]


async def answer(call: Call) -> None:
    """The plain answer, streamed or whole, with exact usage."""
    tokens = call.tokens()
    if not call.is_stream:
        await answer_whole(call, tokens)
        return
    await call.begin()
    for token in tokens:
        await call.token(token)
    await call.finish(len(tokens))


async def answer_whole(call: Call, tokens: Sequence[str]) -> None:
    """One chat.completion of `tokens`, once for each of `n`."""
    copies = call.body.get("n") or 1
    call.counts.prompt_tokens += call.prompt_tokens
    call.counts.completion_tokens += len(tokens) * copies
    message = {"role": "assistant", "content": "".join(tokens), "refusal": None}
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": call.finish_reason}
        for index in range(copies)
    ]
    body = {"id": "chatcmpl-large", "object": "chat.completion", "created": 1, "model": "large-1",
            "choices": choices, "usage": call.usage(len(tokens) * copies)}  # fmt: skip
    await call.connection.send_whole(200, json.dumps(body).encode(), JSON)


class LargeServer:
    """The server. `script` is consumed one behaviour a request, then comes `plain`; `received` keeps every request."""

    def __init__(self, *, key: str | None = None, plain: Behaviour = answer) -> None:
        self.script: list[Behaviour] = []
        self.plain = plain
        self.counts = Counts()
        self.received: list[Received] = []
        self.open_connections: set[Connection] = set()
        self._key = key
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._server = await asyncio.get_running_loop().create_server(self._connect, host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        await self.refuse()
        await asyncio.gather(*(connection.stop() for connection in list(self.open_connections)))

    async def refuse(self) -> None:
        """Refuse connections from now on; open ones go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def resume(self) -> None:
        """Listen again on the same port."""
        await self.start(self.host, self.port)

    @property
    def base_url(self) -> str:
        """What a model entry has as `base_url`."""
        return f"http://{self.host}:{self.port}/v1"

    async def until(self, holds: Callable[[Counts], bool]) -> None:
        """Wait until `holds` of the counts; it is asked again on each request and disconnect."""
        async with self._changed:
            await self._changed.wait_for(lambda: holds(self.counts))

    async def request_arrived(self, number: int = 1) -> None:
        """Wait for the `number`-th request."""
        await self.until(lambda counts: counts.requests >= number)

    async def client_disconnected(self, number: int = 1) -> None:
        """Wait for the `number`-th client that left before its answer was complete."""
        await self.until(lambda counts: counts.disconnects >= number)

    def _connect(self) -> Connection:
        self.counts.connections += 1
        return Connection(self._serve, self.open_connections)

    async def _serve(self, connection: Connection, request: Received) -> None:
        if request.path.startswith("/__"):
            await self._serve_control(connection, request)
        elif request.path.endswith("/models"):
            await connection.send_whole(200, b'{"object":"list","data":[{"id":"large-1","object":"model"}]}', JSON)
        else:
            await self._serve_chat(connection, request)

    async def _serve_chat(self, connection: Connection, request: Received) -> None:
        self.received.append(request)
        behave = self.script.pop(0) if self.script else self.plain
        if self._key is not None and request.headers.get("authorization") != f"Bearer {self._key}":
            behave = _wrong_key
        await self._count("requests")
        await behave(Call(request, connection, self.counts))
        if connection.is_gone.is_set() and not connection.is_cut:
            await self._count("disconnects")

    async def _serve_control(self, connection: Connection, request: Received) -> None:
        from tests.fakes.faults import by_name

        if request.method == "POST":
            self.script += [by_name(**entry) for entry in json.loads(request.body)]
        counts = {**asdict(self.counts), "open_connections": len(self.open_connections)}
        await connection.send_whole(200, json.dumps(counts).encode(), JSON)

    async def _count(self, name: str) -> None:
        async with self._changed:
            setattr(self.counts, name, getattr(self.counts, name) + 1)
            self._changed.notify_all()


async def _wrong_key(call: Call) -> None:
    error = {"message": "Incorrect API key provided.", "type": "invalid_request_error", "param": None,
             "code": "invalid_api_key"}  # fmt: skip
    await call.connection.send_whole(401, json.dumps({"error": error}).encode(), JSON)


async def _run(host: str, port: int, key: str | None) -> None:
    server = LargeServer(key=key)
    await server.start(host, port)
    print(server.base_url, flush=True)  # noqa: T201 - the parent process reads it
    await asyncio.Event().wait()


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", help="the only key that is accepted; without it every key is")
    options = parser.parse_args()
    asyncio.run(_run(options.host, options.port, options.key))


if __name__ == "__main__":
    main()
