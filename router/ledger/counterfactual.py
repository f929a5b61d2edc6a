"""What a request would have used on the model that it is compared with. Pure.

There every turn of a conversation would have gone to that one model, which would then have had the earlier turns in its
cache, as far as it sells cached tokens. So the comparison is aware of caches in both directions: an answer of the small model is
not held against a price that nobody would have paid for the earlier turns, and a turn that comes back to the large model pays
for reading all of it anew, which is a loss.
"""

from collections.abc import Sequence
from dataclasses import replace

from router.chat import Json, Usage
from router.config import Price

LEAST_CACHED = 1024
"""Tokens from which on sellers cache a prompt (OpenAI's and most of Anthropic's models)."""


def has_discount(price: Price) -> bool:
    """True when a token that is in the cache costs less there."""
    return price.cached_usd is not None and price.input_usd is not None and price.cached_usd < price.input_usd


def instead(usage: Usage, messages: Sequence[Json]) -> Usage:
    """The same tokens, with the earlier turns of the conversation from the cache."""
    told = int(usage.prompt_tokens * told_before(messages))
    return usage if told < max(LEAST_CACHED, usage.cached_tokens) else replace(usage, cached_tokens=told)


def told_before(messages: Sequence[Json]) -> float:
    """The part of a prompt, from 0 to 1, that the turn before had already: all before the last answer, by its length."""
    last = next((at for at in reversed(range(len(messages))) if messages[at].get("role") == "assistant"), 0)
    sizes = [_size(message.get("content")) for message in messages]
    return sum(sizes[:last]) / sum(sizes) if last and sum(sizes) else 0.0


def _size(content: object) -> int:
    if isinstance(content, list):
        return sum(_size(part.get("text")) for part in content if isinstance(part, dict))
    return len(content) if isinstance(content, str) else 0
