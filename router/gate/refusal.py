"""The one place that turns an error into a response."""

import json
from math import ceil

from starlette.types import Receive, Scope, Send

from router.errors import RouterError, UpstreamError, envelope

MAX_RETRY_AFTER_S = 119  # clients give up on anything of two minutes or more


async def refuse(error: RouterError, _scope: Scope, _receive: Receive, send: Send) -> None:
    """Send `error` as its status and envelope, with `Retry-After` where waiting helps."""
    body = json.dumps(envelope(error)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % min(MAX_RETRY_AFTER_S, max(1, ceil(error.retry_after_s)))))
    if isinstance(error, UpstreamError):
        # Shunt has retried already; an SDK that retries again multiplies the attempts.
        headers.append((b"x-should-retry", b"false"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
