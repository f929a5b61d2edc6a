"""What litellm raises, as our errors. It knows no litellm type: names and attributes are enough, and cost no import."""

from collections.abc import Iterator, Mapping

from router.backends.failures import Complaint, error_for, error_in_stream, read_complaint, retry_after
from router.config import ModelConfig
from router.errors import (
    ContextLengthExceeded,
    RouterError,
    StreamInterrupted,
    UpstreamInvalid,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)

MAX_CAUSES = 10


def translate(error: Exception, config: ModelConfig, *, has_begun: bool) -> RouterError:
    """Our error for one of litellm's; once the answer has begun, every failure is an interruption."""
    if has_begun:
        return StreamInterrupted(f"The target `{config.name}` broke off its answer.")
    causes = list(_causes(error))
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    who = f"The target `{config.name}`"
    if "ContextWindowExceededError" in names:
        return ContextLengthExceeded(f"The prompt is too long for {who[0].lower()}{who[1:]}.", param="messages")
    if "ConnectError" in names:
        return UpstreamRefused(f"{who} could not be reached.")
    if names & {"Timeout", "TimeoutException", "APITimeoutError"}:
        return UpstreamTimeout(f"{who} did not answer in time.")
    if "JSONDecodeError" in names or "invalid response" in str(error):
        return UpstreamInvalid(f"{who} sent something that is not a completion.")
    return _by_status(causes, config) or UpstreamUnavailable(f"{who} failed.")


def _by_status(causes: list[BaseException], config: ModelConfig) -> RouterError | None:
    complaint = next((found for cause in causes if (found := _complaint(cause, config))), Complaint())
    top = causes[0]
    if type(top).__name__ == "MidStreamFallbackError":
        return error_in_stream(_said(causes), config)
    if type(top).__name__ == "UnsupportedParamsError":
        complaint = Complaint("A parameter of the request is not supported by this provider.", code="unsupported_value")
    status = getattr(top, "status_code", None)
    headers = getattr(top, "litellm_response_headers", None)
    wait_s = retry_after(headers) if isinstance(headers, Mapping) else None
    return error_for(int(status), complaint, config, wait_s) if isinstance(status, int) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = getattr(cause, "original_exception", None) or cause.__cause__ or cause.__context__


def _complaint(cause: BaseException, config: ModelConfig) -> Complaint | None:
    body = getattr(cause, "body", None)
    return read_complaint(body, config) if isinstance(body, Mapping) else None


def _said(causes: list[BaseException]) -> object:
    return next((body for cause in causes if isinstance(body := getattr(cause, "body", None), Mapping)), None)
