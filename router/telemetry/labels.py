"""The closed sets of label values: whatever a client sends, the number of series stays the same."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeAlias, get_args

from router.config import Config, ModelConfig
from router.dispatch.doubt import Signal
from router.dispatch.trace import AttemptOutcome, End
from router.errors import BadRequest, RouterError
from router.ledger.record import EnergyKind
from router.policy.routes import ASKED, DIRECT

Labels: TypeAlias = AbstractSet[str]

OTHER = "other"
ROUTES = frozenset({"chat", "completions", "embeddings", "messages", "responses"})
RELOADS = frozenset({"ok", "rejected"})
TOKEN_TYPES = frozenset({"input", "output"})
# What the money was spent on: an answer that was delivered whole, one that was not, one given up for a better one, or one in the shadow.
COST_KINDS = frozenset({"answer", "unfinished", "escalation", "shadow"})
CACHE_RESULTS = frozenset({"hit", "miss"})
SHADOW_RESULTS = frozenset({"compared", "unjudged", "failed", "guarded", "busy", "over_budget", "unpriced"})
CAPTURE_RESULTS = frozenset({"kept", "withheld", "dropped"})
ERROR_TYPES = frozenset({"", "error", "interrupted", "client_gone"})
STATUSES = frozenset(
    map(str, (200, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 499, 500, 501, 502, 503, 504))
)
FAILURES = frozenset(
    {"ValueError", "UnicodeError", "ArithmeticError", "FloatingPointError", "OverflowError", "ZeroDivisionError"}
    | {"LookupError", "IndexError", "KeyError", "TypeError"}
)

_REASONS = {
    "context_length_exceeded": "context",
    "forbidden": "auth",
    "guard_refused": "guard",
    "headers_too_large": "header",
    "internal_error": "defect",
    "invalid_api_key": "auth",
    "invalid_json": "json",
    "method_not_allowed": "path",
    "insufficient_quota": "budget",
    "model_not_allowed": "auth",
    "model_not_found": "model",
    "no_target_available": "no_target",
    "not_found": "path",
    "overloaded": "overload",
    "rate_limit_exceeded": "rate",
    "request_too_large": "size",
    "unknown_field": "field",
    "unsupported_media_type": "type",
}
REASONS = frozenset({*_REASONS.values(), "schema"})


def reason_of(error: RouterError) -> str:
    """Why a request was refused before it was accepted, in one word."""
    return _REASONS.get(error.code, "schema" if isinstance(error, BadRequest) else OTHER)


def words_of(literal: object) -> Labels:
    """The values of a `Literal`, or of a union of them."""
    words: set[str] = set()
    for argument in get_args(literal):
        words |= {argument} if isinstance(argument, str) else words_of(argument)
    return frozenset(words)


OUTCOMES = words_of(AttemptOutcome)
ENERGY_KINDS = words_of(EnergyKind)
ENDS = words_of(End)
SIGNALS = words_of(Signal)
FALLBACK_REASONS = OUTCOMES | {"not_ready", "shut"}


@dataclass(slots=True)
class Names:
    """What the policy file names. A reload adds to these sets and takes nothing away: a series that began goes on."""

    targets: set[str] = field(default_factory=set)
    policies: set[str] = field(default_factory=lambda: {DIRECT})
    rules: set[str] = field(default_factory=lambda: {ASKED})
    providers: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=lambda: {DIRECT})

    def add(self, config: Config) -> None:
        """Take in the names of one file."""
        self.targets |= set(config.models)
        self.policies |= set(config.policies)
        self.rules |= {rule.id for policy in config.policies.values() for rule in policy.select}
        self.providers |= set(providers(config.models.values()).values())
        self.asked |= {*config.policies, *config.models}


def providers(models: Iterable[ModelConfig]) -> dict[str, str]:
    """Who serves each target, in OpenTelemetry's sense: litellm's prefix where there is one, otherwise the backend."""
    return {model.name: _provider(model) for model in models}


def _provider(model: ModelConfig) -> str:
    prefix, slash, _ = (model.model or "").partition("/")
    return prefix if model.backend == "litellm" and slash else model.backend
