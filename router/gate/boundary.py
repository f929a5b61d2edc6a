"""The outermost layer: a request id on every answer, bounds on headers, and our envelope for what slipped through.

A route that has something to say in headers puts it into `scope["state"]["answer_headers"]`, so that answers, streams
and errors carry the same ones.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.errors import HeadersTooLarge, InternalError, RouterError
from router.gate.anthropic import speaks_anthropic
from router.gate.refusal import refusal

MAX_HEADERS = 128
SLASHES = re.compile("/{2,}")
SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}\Z")

logger = logging.getLogger("shunt.gate")


class Boundary:
    """Give every request an id and every answer its headers; nothing below can answer outside the envelope."""

    def __init__(self, app: ASGIApp, *, max_header_bytes: int, on_refused: Callable[[RouterError, str], None]) -> None:
        self.app = app
        self.max_header_bytes = max_header_bytes
        self.on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; HTTP only (lifespan events pass)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "//" in scope["path"]:
            # A base URL that ends in a slash, and a client that adds one.
            scope["path"] = SLASHES.sub("/", scope["path"])
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        headers: dict[str, str] = state.setdefault("answer_headers", {})
        if speaks_anthropic(scope["path"]):
            headers["request-id"] = request_id
        started = time.perf_counter()
        is_open = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_open
            if message["type"] == "http.response.start":
                is_open = True
                elapsed_ms = int((time.perf_counter() - started) * 1000)
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    (b"x-shunt-schema", b"1"),
                    (b"openai-processing-ms", b"%d" % elapsed_ms),
                    *((name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()),
                ]
            await send(message)

        try:
            self._check_headers(scope)
            await self.app(scope, receive, send_with_headers)
        except RouterError as error:
            if is_open:
                raise
            self.on_refused(error, request_id)
            await refusal(error, scope)(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the last boundary: a defect must not answer outside the envelope
            logger.error(  # noqa: TRY400 - a traceback's text could hold a prompt
                "request %s failed in %s", request_id, _place(error)
            )
            if is_open:
                return
            await refusal(InternalError("Internal error."), scope)(scope, receive, send_with_headers)

    def _check_headers(self, scope: Scope) -> None:
        headers = scope["headers"]
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MAX_HEADERS or size > self.max_header_bytes:
            raise HeadersTooLarge(f"At most {MAX_HEADERS} headers and {self.max_header_bytes} bytes of them.")


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_ID.match(value):
            return str(value, "ascii")
    return f"req_{secrets.token_hex(12)}"


def _place(error: BaseException) -> str:
    """Type and place of a defect: its text could hold a prompt, so it is not logged."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown"
    return f"{type(error).__name__} at {where}"
