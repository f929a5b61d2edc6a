"""Guards: which targets a request may not have, and what to tell the client when none is left. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from router.config import Config, Guard, ModelConfig
from router.errors import BadRequest, ContextLengthExceeded, GuardRefused, NotForThisKey, RouterError
from router.policy.decision import Facts
from router.policy.evidence import Evidence
from router.policy.optout import MAX_USD, NO_LIMITS, ZONE, Limits, too_dear
from router.policy.truth import test_of

MODALITIES = frozenset({"chat", "vision", "audio", "embeddings"})
PARAMS = {"tools": "tools", "json": "response_format"}


@dataclass(frozen=True, slots=True)
class Veto:
    """One guard's refusal of one target; `lacks` is the ability that is missing."""

    target: str
    guard: str
    kind: Literal["caller", "zone", "needs", "context", "price"]
    why: str
    lacks: str = ""


def vetoes(
    config: Config,
    targets: Iterable[str],
    evidence: Evidence,
    limits: Limits = NO_LIMITS,
    asked: Facts | None = None,
) -> dict[str, Veto]:
    """The first veto against each target that has one.

    `asked` is what a target must be able to do where that is not the request itself; which guards bind, the request decides.
    """
    asked = asked or evidence.facts
    # A guard that cannot be evaluated binds: not knowing that data is harmless is no permission to send it.
    binding = [guard for guard in config.guards if test_of(guard.when)(evidence) is not False]
    found = (
        (
            name,
            _own_veto(config, config.models[name], asked, limits) or _veto(binding, config.models[name], asked),
        )
        for name in targets
    )
    return {name: veto for name, veto in found if veto is not None}


def refusal(found: Mapping[str, Veto], facts: Facts) -> RouterError:
    """The error for a request that every target is barred from.

    Length is told first, because a client can shorten a prompt; then the zone, then what no target can do.
    """
    by_kind = {veto.kind: veto for veto in reversed(list(found.values()))}
    reasons = "; ".join(f"{veto.target}: {veto.why}" for veto in found.values())
    if "caller" in by_kind:
        return NotForThisKey(f"The key may not have any model that could answer ({reasons}).")
    if "context" in by_kind:
        message = f"The prompt (about {facts.prompt_tokens} tokens) is over the maximum context length ({reasons})."
        return ContextLengthExceeded(message, param="messages")
    if "zone" in by_kind:
        return GuardRefused(f"Guard '{by_kind['zone'].guard}' leaves no target for this request ({reasons}).")
    if "price" in by_kind:
        return BadRequest(f"No target can answer for what {MAX_USD} allows ({reasons}).", param=MAX_USD)
    lacks = by_kind["needs"].lacks
    return BadRequest(f"No target can take this request ({reasons}).", param=PARAMS.get(lacks, "messages"))


def _own_veto(config: Config, model: ModelConfig, facts: Facts, limits: Limits) -> Veto | None:
    """What the caller's key or budget, or the request itself, says against a target."""
    bar = facts.barred.get(model.name)
    if bar is not None:
        return Veto(model.name, bar.by, "caller", bar.why)
    if limits.zone is not None and model.zone != limits.zone:
        return Veto(model.name, ZONE, "zone", f"is in zone {model.zone}")
    why = None if limits.max_usd is None else too_dear(config, model, facts, limits.max_usd)
    return None if why is None else Veto(model.name, MAX_USD, "price", why)


def _veto(guards: Iterable[Guard], model: ModelConfig, facts: Facts) -> Veto | None:
    return next((veto for guard in guards if (veto := _veto_of(guard, model, facts)) is not None), None)


def _veto_of(guard: Guard, model: ModelConfig, facts: Facts) -> Veto | None:
    if guard.allow_zone is not None and model.zone not in guard.allow_zone:
        return Veto(model.name, guard.id, "zone", f"is in zone {model.zone}")
    lacks = sorted((facts.needs & _required(guard)) - model.can)
    if lacks:
        return Veto(model.name, guard.id, "needs", f"cannot do {', '.join(lacks)}", lacks[0])
    tokens = facts.exact_tokens.get(model.name, facts.prompt_tokens)
    window = facts.windows.get(model.name, model.context)
    if "context" in guard.require and 0 < window <= tokens:
        return Veto(model.name, guard.id, "context", f"maximum context length is {window} tokens, got {tokens}")
    return None


def _required(guard: Guard) -> frozenset[str]:
    return guard.require | MODALITIES if "modality" in guard.require else guard.require
