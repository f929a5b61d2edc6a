"""How a target's refusal becomes one of our errors. Nothing here repeats a key, and what it repeats is bounded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from router.config import ModelConfig
from router.errors import (
    ContextLengthExceeded,
    RouterError,
    UpstreamAuth,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)

MAX_MESSAGE_CHARS = 300
MAX_WORD_CHARS = 64

# 402 is an empty account, 404 and 405 a wrong model name or address in our own file: the caller can mend none of them.
_OUR_ACCOUNT = frozenset({401, 402, 403})
_NOT_THE_CALLERS = _OUR_ACCOUNT | {404, 405, 408, 429}
# Servers that have no code of their own for it say one of these.
_CONTEXT_WORDS = ("maximum context length", "context size", "context window", "context length", "prompt is too long")
_STATUS_OF_CODE = {
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "invalid_request_error": 400,
    "authentication_error": 401,
    "rate_limit_error": 429,
    "overloaded_error": 503,
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a target says about its error, made short and printable."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None


def read_complaint(body: object, config: ModelConfig) -> Complaint:
    """Find the error in a decoded body: OpenAI's envelope, and the shapes that other servers use instead."""
    error = body
    if isinstance(body, Mapping):
        error = body.get("error") or body.get("detail") or body
    if isinstance(error, Mapping):
        words = [_word(error.get(name), config) for name in ("type", "code", "param")]
        return Complaint(_clean(error.get("message"), config, MAX_MESSAGE_CHARS), *words)
    return Complaint(_clean(error, config, MAX_MESSAGE_CHARS))


def _word(value: object, config: ModelConfig) -> str | None:
    return _clean(str(value), config, MAX_WORD_CHARS) if isinstance(value, str | int) else None


def _clean(value: object, config: ModelConfig, most: int) -> str:
    text = value if isinstance(value, str) else ""
    if config.api_key and config.api_key.value:
        text = text.replace(config.api_key.value, "[key]")
    # The key goes first: a cut could leave half of it, which the replacement would then not find.
    return "".join(char if char.isprintable() else " " for char in text[:most])


def error_for(
    status: int, complaint: Complaint, config: ModelConfig, retry_after_s: float | None = None
) -> RouterError:
    """Our error for a target's `status`: what the caller can mend keeps its own words, all else names the target."""
    if 400 <= status < 500 and status not in _NOT_THE_CALLERS:
        return _rejection(status, complaint, config)
    who = f"The target `{config.name}`"
    if status in _OUR_ACCOUNT:
        return UpstreamAuth(f"{who} refused the key or the account that the router uses for it ({status}).")
    if status == 429:
        return UpstreamRateLimited(f"{who} is limiting its rate.", retry_after_s=retry_after_s)
    if status == 408:
        return UpstreamTimeout(f"{who} gave up waiting (408).", retry_after_s=retry_after_s)
    if 500 <= status < 600:
        return UpstreamUnavailable(f"{who} failed ({status}).", retry_after_s=retry_after_s)
    return UpstreamInvalid(f"{who} answered {status}: its address or its model name may be wrong.")


def _rejection(status: int, complaint: Complaint, config: ModelConfig) -> RouterError:
    if is_context_length(complaint):
        message = complaint.message or f"The prompt is too long for the target `{config.name}`."
        return ContextLengthExceeded(message, param="messages")
    return UpstreamRejected(
        complaint.message or f"The target `{config.name}` refused the request ({status}).",
        status=status,
        code=complaint.code or "upstream_rejected",
        param=complaint.param,
    )


def is_context_length(complaint: Complaint) -> bool:
    """True when the target says that the prompt is longer than its window."""
    if complaint.code == "context_length_exceeded" or complaint.type == "exceed_context_size_error":
        return True
    return any(words in complaint.message.lower() for words in _CONTEXT_WORDS)


def error_in_stream(body: object, config: ModelConfig) -> RouterError:
    """Our error for an `error` that came under status 200, where only its words say what the status would have been."""
    complaint = read_complaint(body, config)
    code = complaint.code or ""
    if code.isascii() and code.isdigit() and len(code) == 3:
        return error_for(int(code), complaint, config)
    return error_for(_STATUS_OF_CODE.get(code) or _STATUS_OF_CODE.get(complaint.type or "", 500), complaint, config)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the target asks: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110)."""
    milliseconds = _positive(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _positive(value)
    return _until(value) if seconds is None and value else seconds


def _positive(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
