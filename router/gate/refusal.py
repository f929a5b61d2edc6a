"""The one place that turns an error into a response."""

from math import ceil

from starlette.responses import JSONResponse

from router.errors import QuotaExceeded, RouterError, UpstreamError, envelope

MAX_RETRY_AFTER_S = 119  # clients give up on anything of two minutes or more


def refusal(error: RouterError) -> JSONResponse:
    """`error` as its status and envelope, with `Retry-After` where waiting helps."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(min(MAX_RETRY_AFTER_S, max(1, ceil(error.retry_after_s))))
    if isinstance(error, UpstreamError | QuotaExceeded):
        # Shunt has retried already; an SDK that retries again multiplies the attempts. A budget is not back in seconds.
        headers["x-should-retry"] = "false"
    return JSONResponse(envelope(error), error.status, headers)
