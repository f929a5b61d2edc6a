"""The one place that turns an error into a response."""

from math import ceil

from starlette.responses import JSONResponse
from starlette.types import Scope

from router.errors import QuotaExceeded, RateLimited, RouterError, UpstreamError, envelope
from router.gate.anthropic import anthropic_envelope, anthropic_status, speaks_anthropic

MAX_RETRY_AFTER_S = 119  # clients give up on anything of two minutes or more


def refusal(error: RouterError, scope: Scope) -> JSONResponse:
    """`error` as its status and the envelope of its path, with `Retry-After` where waiting helps."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(min(MAX_RETRY_AFTER_S, max(1, ceil(error.retry_after_s))))
    is_in_vain = isinstance(error, RateLimited) and error.retry_after_s is None
    if isinstance(error, UpstreamError | QuotaExceeded) or is_in_vain:
        # Shunt has retried already; an SDK that retries again multiplies the attempts. A budget is not back in seconds.
        headers["x-should-retry"] = "false"
    if speaks_anthropic(scope["path"]):
        body = anthropic_envelope(error, scope["state"]["request_id"])
        return JSONResponse(body, anthropic_status(error), headers)
    return JSONResponse(envelope(error), error.status, headers)
