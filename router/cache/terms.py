"""Whether a request may be answered from the cache, and under which key. Pure.

The key is made of the decision and of the request as its rule sends it: whatever guards, rules, sessions or a new policy
file change about where a request goes, or how, makes it another key.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from router.caller import Caller
from router.chat import ChatRequest
from router.config import CacheScope, Config, ModelConfig
from router.policy.decision import Decision, Facts

FORMAT = 2
# Who asks and how it is filed; none of it reaches the model.
WITHOUT_EFFECT = frozenset({"user", "safety_identifier", "metadata", "store", "prompt_cache_key", "service_tier"})
DEFAULTS: Mapping[str, object] = {"n": 1, "logprobs": False, "parallel_tool_calls": True}
LIVE = frozenset({"web_search_options"})


@dataclass(frozen=True, slots=True)
class Terms:
    """Where the answer would be, how long it may be given again, and what the client allows."""

    key: str
    ttl_s: float
    may_read: bool


def terms_of(config: Config, decision: Decision, request: ChatRequest, facts: Facts) -> Terms | None:
    """The terms for `request` as its rule sends it; None where the cache is not asked.

    That is a rule without `cache`, a request whose answer would be another one each time, and a client that says `no-store`.
    """
    rule, wishes = decision.cache, _wishes(facts.headers.get("cache-control", ""))
    if rule is None or not is_repeatable(request) or "no-store" in wishes:
        return None
    is_stale = "no-cache" in wishes or "max-age=0" in wishes
    return Terms(_key(config, decision, request, _whose(rule.scope, facts.caller)), rule.ttl_s, may_read=not is_stale)


def is_repeatable(request: ChatRequest) -> bool:
    """True when the same request means the same answer: temperature 0 or a seed, and nothing looked up on the way."""
    params = request.params
    is_fixed = params.get("temperature") == 0 or params.get("seed") is not None
    return is_fixed and not LIVE & params.keys()


def _whose(scope: CacheScope, caller: Caller) -> tuple[str, ...]:
    """Who shares the answer. Keys without tags have no tag in common: each is by itself."""
    if scope == "global":
        return ("global",)
    if scope == "tag" and caller.tags:
        return ("tag", *sorted(caller.tags))
    return ("anybody",) if caller.key is None else ("key", caller.key)


def _wishes(header: str) -> set[str]:
    return {re.sub(r"\s|\"", "", part).lower() for part in header.split(",")}


def _key(config: Config, decision: Decision, request: ChatRequest, whose: tuple[str, ...]) -> str:
    said = {name: value for name, value in request.params.items() if name not in WITHOUT_EFFECT}
    said = {name: value for name, value in said.items() if DEFAULTS.get(name, ...) != value}
    if isinstance(said.get("stop"), str):
        said["stop"] = [said["stop"]]
    parts = {
        "format": FORMAT,
        "whose": whose,
        "by": [decision.policy, decision.rule, decision.adapter],
        "model": _identity(config.models[decision.target], decision.adapter),
        "checked": None if decision.verification is None else decision.verification.escalate_to,
        "messages": request.messages,
        "prompt": request.prompt,
        "max_tokens": request.max_tokens,
        "params": said,
    }
    text = json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(model: ModelConfig, adapter: str | None) -> list[object]:
    """What makes a target another one, though it has the same name."""
    file = model.adapters.get(adapter) if adapter is not None else None
    return [model.name, model.backend, model.base_url, model.model, model.source, model.sha256, file]


def _plain(value: object) -> object:
    """Numbers that are equal are written alike: a temperature of 0 is one of 0.0."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
