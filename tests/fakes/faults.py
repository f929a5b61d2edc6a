"""What a large server can do wrong: each function makes one behaviour for `LargeServer.script`."""

import asyncio
import json
from collections.abc import Callable, Iterable

from tests.fakes.large import JSON, SSE, Behaviour, Call, answer_whole

HTML_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def status(code: int, *, retry_after: str | None = None, error: dict | None = None) -> Behaviour:
    """Answer `code` with an error envelope, and Retry-After if given."""
    body = {"message": f"scripted {code}", "type": "server_error", "param": None, "code": None, **(error or {})}
    headers = {**JSON, **({} if retry_after is None else {"retry-after": retry_after})}

    async def behave(call: Call) -> None:
        await call.connection.send_whole(code, json.dumps({"error": body}).encode(), headers)

    return behave


def context_length() -> Behaviour:
    """400 `context_length_exceeded`, as OpenAI words it."""
    message = "This model's maximum context length is 100 tokens. Your messages resulted in 200 tokens."
    error = {"message": message, "type": "invalid_request_error", "param": "messages",
             "code": "context_length_exceeded"}  # fmt: skip
    return status(400, error=error)


def whole(body: bytes, *, code: int = 200, content_type: str = "application/json") -> Behaviour:
    """Answer exactly `body`."""

    async def behave(call: Call) -> None:
        await call.connection.send_whole(code, body, {"content-type": content_type})

    return behave


def html(*, code: int = 200) -> Behaviour:
    """An HTML page where a completion should be."""
    return whole(HTML_PAGE, code=code, content_type="text/html")


def broken_json() -> Behaviour:
    """A body that stops in the middle of its JSON."""
    return whole(b'{"id": "chatcmpl-1", "choices": [{"index": 0, "mess')


def empty_choices() -> Behaviour:
    """A completion without a choice."""
    return whole(b'{"id": "chatcmpl-1", "object": "chat.completion", "choices": []}')


def huge_body(*, megabytes: int = 200) -> Behaviour:
    """A body that never seems to end; it stops when the client has had enough."""

    async def behave(call: Call) -> None:
        await call.connection.send_head(200, {**JSON, "content-length": str(megabytes * 1024 * 1024)})
        await call.connection.send(b'{"id": "')
        for _ in range(megabytes * 16):
            await call.connection.send(b"x" * 65536)
            # A client that stops reading is seen only when the loop turns.
            await asyncio.sleep(0)

    return behave


def redirect(location: str) -> Behaviour:
    """307 to `location`."""

    async def behave(call: Call) -> None:
        await call.connection.send_whole(307, b"", {"location": location})

    return behave


def never_answer() -> Behaviour:
    """Accept the request and say nothing until the client leaves."""

    async def behave(call: Call) -> None:
        await call.connection.is_gone.wait()

    return behave


def cut_before_answer() -> Behaviour:
    """Close the connection without a word."""

    async def behave(call: Call) -> None:
        call.connection.close()

    return behave


def error_first(error: dict) -> Behaviour:
    """200, then an error event before the first token."""

    async def behave(call: Call) -> None:
        await call.begin()
        await call.event({"error": error})
        await call.connection.end_pieces()

    return behave


def _after(count: int, then: Behaviour) -> Behaviour:
    async def behave(call: Call) -> None:
        await call.begin()
        for token in call.tokens()[:count]:
            await call.token(token)
        await then(call)

    return behave


def reset(*, after: int) -> Behaviour:
    """A TCP reset after `after` tokens."""

    async def then(call: Call) -> None:
        call.connection.reset()

    return _after(after, then)


def truncate(*, after: int, done: bool = False) -> Behaviour:
    """A clean end of the body without a finish reason, with or without [DONE]."""

    async def then(call: Call) -> None:
        if done:
            await call.connection.send_piece(b"data: [DONE]\n\n")
        await call.connection.end_pieces()

    return _after(after, then)


def html_midstream(*, after: int) -> Behaviour:
    """A proxy's error page in the middle of the stream, then a clean end."""

    async def then(call: Call) -> None:
        await call.connection.send_piece(HTML_PAGE + b"\n\n")
        await call.connection.end_pieces()

    return _after(after, then)


def error_event(*, after: int) -> Behaviour:
    """An error event after `after` tokens."""

    async def then(call: Call) -> None:
        await call.event({"error": {"message": "scripted failure", "type": "server_error", "code": 500}})
        await call.connection.end_pieces()

    return _after(after, then)


def stall(*, after: int) -> Behaviour:
    """Silence after `after` tokens, until the client leaves."""

    async def then(call: Call) -> None:
        await call.connection.is_gone.wait()

    return _after(after, then)


def hold(release: asyncio.Event, *, after: int) -> Behaviour:
    """A pause after `after` tokens until `release` is set, then the rest of the plain answer."""

    async def then(call: Call) -> None:
        await release.wait()
        for token in call.tokens()[after:]:
            await call.token(token)
        await call.finish(len(call.tokens()))

    return _after(after, then)


def hold_whole(release: asyncio.Event) -> Behaviour:
    """A whole answer that is sent when `release` is set."""

    async def behave(call: Call) -> None:
        await release.wait()
        await answer_whole(call, call.tokens())

    return behave


def cut_whole(*, megabytes: int = 1) -> Behaviour:
    """A whole answer that breaks off half-way."""

    async def behave(call: Call) -> None:
        await call.connection.send_head(200, {**JSON, "content-length": str(megabytes * 1024 * 1024)})
        await call.connection.send(b'{"choices": [')
        call.connection.close()

    return behave


def identical(*, count: int = 300, text: str = "same ") -> Behaviour:
    """The same token `count` times: legitimate, and cut short by some client libraries."""

    async def behave(call: Call) -> None:
        await call.begin()
        for _ in range(count):
            await call.token(text)
        await call.finish(count)

    return behave


def texts(tokens: Iterable[str], *, finish: bool = True) -> Behaviour:
    """Stream exactly these tokens."""
    pieces = list(tokens)

    async def behave(call: Call) -> None:
        await call.begin()
        for token in pieces:
            await call.token(token)
        await (call.finish(len(pieces)) if finish else call.connection.end_pieces())

    return behave


def raw(*pieces: bytes, content_type: str = SSE["content-type"]) -> Behaviour:
    """A stream whose body is exactly these pieces, each in a packet of its own."""

    async def behave(call: Call) -> None:
        await call.connection.send_head(200, {**SSE, "content-type": content_type})
        for piece in pieces:
            await call.connection.send_piece(piece)
            await asyncio.sleep(0)
        await call.connection.end_pieces()

    return behave


_BY_NAME: dict[str, Callable[..., Behaviour]] = {
    make.__name__: make
    for make in (
        status, context_length, html, broken_json, empty_choices, huge_body, redirect, never_answer,
        cut_before_answer, error_first, reset, truncate, html_midstream, error_event, stall, cut_whole, identical,
        texts,
    )
}  # fmt: skip


def by_name(fault: str, **options: object) -> Behaviour:
    """The behaviour called `fault`, for scripts that arrive as JSON."""
    return _BY_NAME[fault](**options)
