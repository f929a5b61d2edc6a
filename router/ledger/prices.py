"""What an answer costs: the policy file's price first, then litellm's map.

A token that a local model reads or writes costs 0.0: electricity is not counted yet. A price that nobody states is
None, which makes the whole cost None: an unknown cost is counted as unknown and never as zero.
"""

from collections.abc import Mapping

from router.chat import Usage
from router.config import Config, ModelConfig, Price
from router.ledger.pricemap import PriceMap

FREE = Price(input_usd=0.0, output_usd=0.0, cached_usd=0.0)
UNKNOWN = Price()


class Prices:
    """The price of each target, in USD per token; `version` names the map that the remote ones came from."""

    def __init__(self, by_target: Mapping[str, Price], version: str = "none") -> None:
        self.version = version
        self._by_target = by_target

    @classmethod
    def load(cls, config: Config) -> "Prices":
        """The prices of every model of `config`.

        Raises:
            ConfigError: litellm's price map cannot be read.
        """
        models = config.models.values()
        remote = [model for model in models if model.model is not None]
        found = PriceMap.read(remote) if remote else PriceMap("none", {})
        return cls({model.name: _price(model, found) for model in models}, found.version)

    @property
    def by_target(self) -> Mapping[str, Price]:
        """Every target's price."""
        return self._by_target

    def of(self, target: str) -> Price:
        """The price of one target; every kind is None for one that is not in the configuration."""
        return self._by_target.get(target, UNKNOWN)

    def cost(self, target: str, usage: Usage) -> float | None:
        """USD for `usage` on `target`, None while a price that it needs is unknown."""
        return cost(self.of(target), usage)


def cost(price: Price, usage: Usage) -> float | None:
    """USD for `usage`; a cached token without a price of its own is charged as one that was read anew."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    cached_usd = price.input_usd if price.cached_usd is None else price.cached_usd
    parts = (
        (usage.prompt_tokens - cached, price.input_usd),
        (cached, cached_usd),
        (usage.completion_tokens, price.output_usd),
    )
    total = 0.0
    for tokens, usd in parts:
        if tokens and usd is None:
            return None
        total += tokens * (usd or 0.0)
    return total


def _price(model: ModelConfig, found: PriceMap) -> Price:
    """Kind by kind: what the file says, otherwise what the map says."""
    entry = found.entries.get(model.name)
    listed = FREE if model.backend == "llama.cpp" else entry.price() if entry is not None else UNKNOWN
    if model.price is None:
        return listed
    said = model.price
    return Price(
        input_usd=listed.input_usd if said.input_usd is None else said.input_usd,
        output_usd=listed.output_usd if said.output_usd is None else said.output_usd,
        cached_usd=_cached(said, listed),
    )


def _cached(said: Price, listed: Price) -> float | None:
    """The map's discount belongs to the map's input price: beside another one it would be an invention."""
    if said.cached_usd is not None or said.input_usd is not None:
        return said.cached_usd
    return listed.cached_usd
