"""Errors in Anthropic's shape, and the paths that have them."""

import pytest

from router import errors
from router.gate.anthropic import anthropic_envelope, anthropic_status, speaks_anthropic


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.BadRequest("x"), 400, "invalid_request_error"),
        (errors.Unauthorized("x"), 401, "authentication_error"),
        (errors.GuardRefused("x"), 403, "permission_error"),
        (errors.ModelNotFound("x"), 404, "not_found_error"),
        (errors.MethodNotAllowed("x"), 405, "invalid_request_error"),
        (errors.TooLarge("x"), 413, "request_too_large"),
        (errors.UpstreamRejected("x", status=422), 422, "invalid_request_error"),
        (errors.RateLimited("x"), 429, "rate_limit_error"),
        (errors.QuotaExceeded("x"), 429, "rate_limit_error"),
        (errors.InternalError("x"), 500, "api_error"),
        (errors.UpstreamUnavailable("x"), 502, "api_error"),
        (errors.UpstreamTimeout("x"), 504, "timeout_error"),
        (errors.Overloaded("x"), 529, "overloaded_error"),
        (errors.NoTargetAvailable("x"), 529, "overloaded_error"),
    ],
)
def test_each_error_has_anthropics_status_and_type(error: errors.RouterError, status: int, kind: str):
    """What an SDK of Anthropic's decides by: retry, ask for a key, or tell the user."""
    body = {"type": "error", "error": {"type": kind, "message": "x"}, "request_id": "req_1"}
    assert (anthropic_status(error), anthropic_envelope(error, "req_1")) == (status, body)


def test_the_message_names_the_parameter():
    """The envelope has no field for it; a prompt that is too long is said in the words that agents know."""

    def message(error: errors.RouterError) -> str:
        return anthropic_envelope(error, "req_1")["error"]["message"]

    assert message(errors.UnknownField("Unknown field.", param="zebra")) == "zebra: Unknown field."
    assert message(errors.BadRequest("`top_p` is wrong.", param="top_p")) == "`top_p` is wrong."
    assert message(errors.ContextLengthExceeded("9 > 8.", param="messages")) == "prompt is too long: 9 > 8."


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/messages", True),
        ("/messages/count_tokens", True),
        ("/v1/messages/batches", True),
        ("/v1/messagesx", False),
        ("/v1/chat/completions", False),
    ],
)
def test_the_paths_that_speak_it(path: str, expected: bool):
    """With and without the `/v1`, whatever lies under them too."""
    assert speaks_anthropic(path) is expected
