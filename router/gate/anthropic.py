"""Errors in Anthropic's shape, on the paths that speak it."""

from router.errors import (
    ContextLengthExceeded,
    NoTargetAvailable,
    Overloaded,
    RouterError,
)

PATHS = ("/v1/messages", "/messages")
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OVERLOADED = 529


def speaks_anthropic(path: str) -> bool:
    """True for `/v1/messages` and what lies under it, with or without the `/v1`."""
    return path in PATHS or path.startswith(tuple(f"{known}/" for known in PATHS))


def anthropic_status(error: RouterError) -> int:
    """The status: the error's own, but 529 where it is this side that is too busy to answer."""
    return OVERLOADED if isinstance(error, Overloaded | NoTargetAvailable) else error.status


def anthropic_envelope(error: RouterError, request_id: str) -> dict[str, object]:
    """`error` in Anthropic's shape, which has no field for the parameter: the message names it."""
    status = anthropic_status(error)
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    message = error.message
    if isinstance(error, ContextLengthExceeded):
        # The words by which Claude Code knows that it must compact the conversation.
        message = f"prompt is too long: {message}"
    elif error.param and error.param not in message:
        message = f"{error.param}: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
