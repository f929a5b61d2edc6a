"""The prices of one target: its plain one, and those of long prompts and of other tiers of service.

As sellers do it, a prompt that is longer than a step moves the whole request to the step's prices. A kind of token that a step
or tier does not name costs there what it costs otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from router.config import Price

KINDS = tuple(field.name for field in fields(Price))
RELATED = {
    "input_usd": ("cached_usd", "cache_write_usd", "audio_input_usd", "image_usd"),
    "output_usd": ("reasoning_usd", "audio_output_usd"),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs for prompts of more than `above` tokens, and in a `tier` of service (None: the usual one)."""

    above: int
    tier: str | None
    price: Price


@dataclass(frozen=True, slots=True)
class Tariff:
    """Steps by tier, each from the one for the longest prompts to the plain one."""

    steps: Mapping[str | None, tuple[tuple[int, Price], ...]]

    @classmethod
    def of(cls, plain: Price, variants: Iterable[Variant] = (), said: Price | None = None) -> "Tariff":
        """The tariff of a listed price, kind by kind under what the policy file says instead."""
        known = {(one.above, one.tier): one.price for one in variants}
        steps: dict[str | None, tuple[tuple[int, Price], ...]] = {}
        for tier in {None, *(tier for _, tier in known)}:
            found, listed = [], plain
            for above in sorted({0, *(above for above, _ in known)}):
                for variant in ((above, None), (above, tier)):
                    listed = _over(listed, known.get(variant))
                found.append((above, _stated(said, listed)))
            steps[tier] = tuple(reversed(found))
        return cls(steps)

    def price(self, prompt_tokens: int = 0, tier: str | None = None) -> Price:
        """The price of a request with such a prompt; an unknown tier is the usual one."""
        steps = self.steps.get(tier) or self.steps[None]
        return next(price for above, price in steps if prompt_tokens > above or not above)


def _over(price: Price, other: Price | None) -> Price:
    return (
        price if other is None else Price(**{kind: _or(getattr(other, kind), getattr(price, kind)) for kind in KINDS})
    )


def _stated(said: Price | None, listed: Price) -> Price:
    """Kind by kind: what the file says, otherwise what the map says."""
    if said is None:
        return listed
    merged = {kind: _or(getattr(said, kind), getattr(listed, kind)) for kind in KINDS}
    # A discount or surcharge of the map belongs to the map's own price: beside another one it would be an invention.
    for base, kinds in RELATED.items():
        if getattr(said, base) is not None:
            merged |= {kind: getattr(said, kind) for kind in kinds}
    return Price(**merged)


def _or(usd: float | None, otherwise: float | None) -> float | None:
    return otherwise if usd is None else usd
