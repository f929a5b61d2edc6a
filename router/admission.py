"""Lets a decided request go on: its worst case is reserved first, or it is decided again for what the money reaches."""

import math
from dataclasses import replace

from router import policy
from router.chat import ChatRequest
from router.config import Price
from router.errors import QuotaExceeded, RouterError
from router.ledger.prices import Prices
from router.limits.meter import Meter
from router.limits.ticket import ANSWER_TOKENS, Ticket
from router.policy.decision import Bar, Facts
from router.policy.facts import BYTES_PER_TOKEN
from router.policy.overriding import extra_tokens, overridden
from router.runtime import Runtime, Verdict

TRIES = 3

MEDIA_TOKENS = 4096
"""What an image, a sound or a file is reckoned to take, each."""


async def admitted(runtime: Runtime, request: ChatRequest, verdict: Verdict, ticket: Ticket) -> Verdict:
    """The verdict that the limits allow, with the ticket that holds its worst case.

    Nothing here waits, but for other replicas where limits are shared, and for those half a second at most.

    Raises:
        QuotaExceeded: the money does not reach, and nothing that it reaches for may answer.
        RateLimited: too many tokens for this minute.
    """
    if ticket.is_bounded:
        for tries_left in reversed(range(TRIES)):
            usd = worst_usd(runtime, request, verdict)
            short = ticket.short_of(usd)
            if short:
                verdict, usd = _affordable(runtime, request, verdict, ticket, short)
            try:
                await ticket.reserve(usd, _tokens(request, verdict))
                break
            except QuotaExceeded:
                # Another replica was faster. What is left is known now, and may be enough for another target.
                if not tries_left:
                    raise
    return replace(verdict, ticket=ticket)


def worst_usd(runtime: Runtime, request: ChatRequest, verdict: Verdict) -> float:
    """What the request may cost at most, in USD, whichever target answers; infinite where a price is unknown."""
    decision = verdict.decision
    sent = overridden(request, decision.overrides)
    costs = {
        name: _worst(runtime.prices, name, sent, verdict)
        + runtime.prices.running_usd(name, runtime.config.models[name].clocks.total_s)
        for name in decision.hops
    }
    # An answer in doubt that is given up is paid for as well.
    given_up = costs[decision.target] if decision.verification is not None else 0.0
    return max(costs.values()) + given_up


def _affordable(
    runtime: Runtime, request: ChatRequest, verdict: Verdict, ticket: Ticket, short: list[Meter]
) -> tuple[Verdict, float]:
    """The request decided again without what the money does not reach for, and its worst case."""
    usd, modes = worst_usd(runtime, request, verdict), {meter.limit.on_exceed for meter in short}
    error, by = ticket.exceeded(usd), f"budget.{short[0].limit.id}"
    if "reject" in modes:
        raise error
    barred = dict(verdict.facts.barred)
    for name, model in runtime.config.models.items():
        alone = replace(verdict, decision=replace(verdict.decision, targets=(name,), verification=None))
        if "local_only" in modes and model.backend != "llama.cpp":
            barred.setdefault(name, Bar(by, "the budget is used up"))
        elif ticket.short_of(worst_usd(runtime, request, alone)):
            barred.setdefault(name, Bar(by, "the budget does not reach for it"))
    facts = replace(verdict.facts, barred=barred)
    try:
        decision = policy.decide(runtime.config, request.model, facts, verdict.judgement, runtime.fleet.states())
    except RouterError:
        raise error from None
    again = replace(verdict, decision=decision, facts=facts)
    return again, worst_usd(runtime, request, again)


def _worst(prices: Prices, target: str, request: ChatRequest, verdict: Verdict) -> float:
    facts, prompt_tokens = verdict.facts, _prompt_tokens(target, request, verdict)
    tier = request.params.get("service_tier")
    # Who asks for a cheaper tier may be served in the usual one.
    tiers = {None, tier if isinstance(tier, str) else None}
    return max(_worst_at(prices.of(target, prompt_tokens, one), request, prompt_tokens, facts) for one in tiers)


def _worst_at(price: Price, request: ChatRequest, prompt_tokens: int, facts: Facts) -> float:
    read = [price.input_usd, price.cached_usd, price.cache_write_usd]
    written = [price.output_usd, price.reasoning_usd]
    if "audio" in facts.modalities:
        read.append(price.audio_input_usd)
        written.append(price.audio_output_usd)
    if "image" in facts.modalities:
        read.append(price.image_usd)
    is_mute = "audio" in facts.modalities and (price.audio_input_usd is None or price.audio_output_usd is None)
    if price.input_usd is None or price.output_usd is None or is_mute:
        return math.inf
    dearest_read, dearest_written = (max(one for one in kinds if one is not None) for kinds in (read, written))
    return prompt_tokens * dearest_read + _answer_tokens(request) * dearest_written


def _prompt_tokens(target: str, request: ChatRequest, verdict: Verdict) -> int:
    """No fewer than it can be: a token has at least one byte."""
    facts, extra = verdict.facts, extra_tokens(verdict.decision.overrides)
    estimate = facts.exact_tokens.get(target, facts.prompt_tokens * BYTES_PER_TOKEN)
    schema = request.params.get("response_format")
    return estimate + extra * BYTES_PER_TOKEN + _media(request) * MEDIA_TOKENS + len(repr(schema or ""))


def _answer_tokens(request: ChatRequest) -> int:
    choices = request.params.get("n")
    return (request.max_tokens or ANSWER_TOKENS) * (choices if isinstance(choices, int) else 1)


def _tokens(request: ChatRequest, verdict: Verdict) -> int:
    """What the request is reckoned to take of a minute's tokens."""
    sent = overridden(request, verdict.decision.overrides)
    return verdict.facts.prompt_tokens + _media(sent) * MEDIA_TOKENS + _answer_tokens(sent)


def _media(request: ChatRequest) -> int:
    contents = (message.get("content") for message in request.messages)
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") != "text")
