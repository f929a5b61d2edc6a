"""Conversations: what tells them apart, who answers the next turn, and what it costs to move. Pure.

Every replica comes to the same answer without asking another: a split draws from a hash of the conversation's key, and
where a conversation stands is worked out from its own earlier turns. Whoever remembers it is merely quicker.
"""

import hashlib
from collections.abc import Sequence

from router.chat import Json
from router.config import Config, Policy, Price, Session
from router.policy.decision import Facts
from router.policy.schema import DEFAULT_KEYS

PREFIX = "prefix"
MAX_EARLIER = 64
"""Earlier turns that are judged again to find out where a conversation stands."""


def key_of(session: Session | None, facts: Facts) -> str:
    """What the requests of one conversation have in common: the first of the session's keys that the request has."""
    for name in DEFAULT_KEYS if session is None else session.keys:
        value = _prefix(facts) if name == PREFIX else facts.headers.get(name)
        if value:
            return f"{name}:{_digest(value)}"
    return ""


def share_of(key: str, salt: str) -> float:
    """A number in [0, 1) that is the same for the same key, and as good as random between keys."""
    digest = hashlib.blake2b(f"{salt}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def settled(config: Config, policy: Policy, wanted: str, facts: Facts) -> str:
    """The target of this turn, when a rule wants `wanted` and the conversation is at `facts.past`.

    Hidden side calls are no turns of the conversation and go their own way.
    """
    session, past = policy.session, facts.past
    if session is None or past is None or past == wanted or facts.side_call is not None:
        return wanted
    if session.mode == "pin":
        return past
    is_rise = _rank(config, wanted) > _rank(config, past)
    if session.mode == "rise_only":
        return wanted if is_rise else past
    return wanted if is_rise or _is_worth_it(session, config, past, wanted, facts) else past


def earlier(messages: Sequence[Json]) -> list[tuple[Json, ...]]:
    """The conversation as it was at each earlier user turn, the newest `MAX_EARLIER` of them, oldest first."""
    turns = [at for at, message in enumerate(messages) if message.get("role") == "user"]
    return [tuple(messages[: at + 1]) for at in turns[:-1][-MAX_EARLIER:]]


def _prefix(facts: Facts) -> str | None:
    """Everything up to the first user turn: what stays the same as a conversation grows."""
    messages = () if facts.words is None else facts.words.messages
    first = next((at for at, message in enumerate(messages) if message.get("role") == "user"), None)
    if first is None:
        return None
    return repr(list(messages[: first + 1]))


def _digest(text: str) -> str:
    """Short whatever the client sends, and no trace of what it was."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _rank(config: Config, target: str) -> int:
    return config.tiers.index(target) if target in config.tiers else -1


def _is_worth_it(session: Session, config: Config, past: str, wanted: str, facts: Facts) -> bool:
    """True when reading the conversation anew elsewhere costs little beside what the turn would cost where it is.

    The prompt is in the cache of `past`; `wanted` reads all of it at its full price. That difference, in percent of the
    price of the whole prompt at `past`, must not be over `max_switch_spend_pct`. Unknown prices hold nothing back.
    """
    if session.max_switch_spend_pct is None:
        return True
    here, there = price_of(config, past, facts), price_of(config, wanted, facts)
    cached = here.input_usd if here.cached_usd is None else here.cached_usd
    if cached is None or here.input_usd is None or there.input_usd is None:
        return True
    return there.input_usd - cached <= here.input_usd * session.max_switch_spend_pct / 100


def price_of(config: Config, target: str, facts: Facts) -> Price:
    """What is known of the target's price; a local model's tokens cost nothing."""
    model = config.models[target]
    free = Price(0.0, 0.0, 0.0) if model.backend == "llama.cpp" else Price()
    return facts.prices.get(target) or model.price or free
