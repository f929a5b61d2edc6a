"""The one error tree and the one envelope.

    RouterError
      BadRequest              400  invalid_request_error
        InvalidJson           400  code invalid_json
        UnknownField          400  code unknown_field
        ContextLengthExceeded 400  code context_length_exceeded
      Unauthorized            401  authentication_error
      Forbidden               403  permission_error
        GuardRefused          403  code guard_refused
        NotForThisKey         403  code model_not_allowed
      NotFound                404  code not_found
        ModelNotFound         404  code model_not_found
      MethodNotAllowed        405  code method_not_allowed
      TooLarge                413  code request_too_large
      UnsupportedMediaType    415  code unsupported_media_type
      HeadersTooLarge         431  code headers_too_large
      Overloaded              429  code overloaded, carries retry_after_s
      RateLimited             429  code rate_limit_exceeded, carries retry_after_s: the caller's own limit
      QuotaExceeded           429  code insufficient_quota, carries retry_after_s: the caller's money
      InternalError           500  code internal_error
      NoTargetAvailable       503  code no_target_available
      UpstreamError           502  code upstream_error
        UpstreamUnavailable   502  code upstream_unavailable
          UpstreamRefused     502  the same, when not even a connection came about
        UpstreamTimeout       504  code upstream_timeout
        UpstreamAuth          502  code upstream_auth
        UpstreamInvalid       502  code upstream_invalid
        UpstreamRateLimited   429  code rate_limit_exceeded, carries retry_after_s
        UpstreamRejected      4xx  the target's own refusal, status and code passed through
      StreamInterrupted       502  code stream_interrupted (after the first byte: an event, not a status)
      ClientGone              499  code client_gone (log and ledger only: nobody is left to read it)
    ConfigError               not an HTTP error: the file or the machine is wrong, exit status 2

Each class *is* its status, type and code; `envelope` turns any of them into OpenAI's shape. Foreign exceptions are
translated once, in the room that raised them, with ``raise ... from``.
"""

from typing import ClassVar, Literal, TypeAlias

StreamEnd: TypeAlias = Literal["upstream_error", "truncated", "idle_timeout", "total_timeout"]


class RouterError(Exception):
    """Base of everything a client can be told. `message` must never hold a prompt, an answer or a secret."""

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class BadRequest(RouterError):
    """The request itself is wrong; `param` names the field."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class InvalidJson(BadRequest):
    """The body is not strict JSON."""

    code = "invalid_json"


class UnknownField(BadRequest):
    """A field that could redirect the request or its key, or any unknown one under `strict_fields`."""

    code = "unknown_field"


class ContextLengthExceeded(BadRequest):
    """The prompt fits no window that this request may use."""

    code = "context_length_exceeded"


class Unauthorized(RouterError):
    """No key, or a wrong one. Never raised for a fault of our own."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(RouterError):
    """The caller may not do this."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class NotForThisKey(Forbidden):
    """The caller's key may not ask for this model or policy, or have any that could answer."""

    code = "model_not_allowed"


class GuardRefused(Forbidden):
    """A guard of the policy left no target; the message names the guard."""

    code = "guard_refused"


class NotFound(RouterError):
    """No such path."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFound(NotFound):
    """The model asked for is neither a policy, a model nor an alias."""

    code = "model_not_found"


class MethodNotAllowed(RouterError):
    """The path exists, the method does not."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class TooLarge(RouterError):
    """The body is over `max_body_bytes`."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class UnsupportedMediaType(RouterError):
    """The body is not declared as JSON."""

    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"


class HeadersTooLarge(RouterError):
    """Too many headers, or too long ones."""

    status = 431
    type = "invalid_request_error"
    code = "headers_too_large"


class Overloaded(RouterError):
    """A bounded queue is full."""

    status = 429
    type = "rate_limit_error"
    code = "overloaded"


class RateLimited(RouterError):
    """The caller has used up its requests or tokens of this minute, or its places."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class QuotaExceeded(RouterError):
    """The caller's budget does not reach; waiting helps only once the day or the month is over."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class InternalError(RouterError):
    """A defect of ours."""


class NoTargetAvailable(RouterError):
    """Every target of the plan is down."""

    status = 503
    code = "no_target_available"


class UpstreamError(RouterError):
    """A target failed; the subclasses say how."""

    status = 502
    code = "upstream_error"


class UpstreamUnavailable(UpstreamError):
    """Connection refused, name not resolved, a 5xx, or a local engine that is down."""

    code = "upstream_unavailable"


class UpstreamRefused(UpstreamUnavailable):
    """No connection came about: refused, unreachable, or a name that does not resolve. Asking again soon is no use."""


class UpstreamTimeout(UpstreamError):
    """One of the clocks ran out before the first byte."""

    status = 504
    code = "upstream_timeout"


class UpstreamAuth(UpstreamError):
    """The target refused *our* key; the caller's is fine, so this is not a 401."""

    code = "upstream_auth"


class UpstreamInvalid(UpstreamError):
    """The target answered something that is not a completion."""

    code = "upstream_invalid"


class UpstreamRateLimited(UpstreamError):
    """The target answered 429."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class UpstreamRejected(UpstreamError):
    """The target refused the request itself (4xx): its own status, type and code reach the caller."""

    type = "invalid_request_error"

    def __init__(
        self, message: str, *, status: int = 400, code: str = "upstream_rejected", param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.status = status
        self.code = code


class StreamInterrupted(RouterError):
    """The answer broke after its first byte: one error event ends it, no finish_reason and no [DONE].

    `end` says how, in the words of the metric: the target failed, it ended without a finish reason, or it fell silent.
    """

    status = 502
    code = "stream_interrupted"

    def __init__(self, message: str, *, end: StreamEnd = "upstream_error") -> None:
        super().__init__(message)
        self.end: StreamEnd = end


class ClientGone(RouterError):
    """The client closed the connection."""

    status = 499
    code = "client_gone"


class ConfigError(Exception):
    """The configuration or the machine is wrong. `problems` holds one line each, file and line first."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def envelope(error: RouterError) -> dict[str, object]:
    """OpenAI's error shape, all four keys always present."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
