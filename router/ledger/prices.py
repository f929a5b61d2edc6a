"""What an answer costs: the policy file's price first, then litellm's map.

A token that a local model reads or writes costs 0.0 unless the file says otherwise; what it costs to run, by the hour and by
electricity, is in `running.py`. A price that nobody states is None, which makes the whole cost None: an unknown cost is
counted as unknown and never as zero.
"""

from collections.abc import Iterator, Mapping

from router.chat import Usage
from router.config import Config, ModelConfig, Price
from router.ledger.pricemap import PriceMap
from router.ledger.running import Share
from router.ledger.tariff import Tariff

FREE = Price(input_usd=0.0, output_usd=0.0, cached_usd=0.0, audio_input_usd=0.0, audio_output_usd=0.0)
UNKNOWN = Price()


class Prices:
    """The price of each target, in USD per token; `version` names the map that the remote ones came from."""

    def __init__(
        self, tariffs: Mapping[str, Tariff], version: str = "none", running: Mapping[str, Share] | None = None
    ) -> None:
        self.version = version
        self._tariffs = tariffs
        self._by_target = {name: tariff.price() for name, tariff in tariffs.items()}
        self._running = running or {}

    @classmethod
    def load(cls, config: Config) -> "Prices":
        """The prices of every model of `config`.

        Raises:
            ConfigError: litellm's price map cannot be read.
        """
        models = config.models.values()
        remote = [model for model in models if model.model is not None]
        found = PriceMap.read(remote) if remote else PriceMap("none", {})
        running = {model.name: Share.of(model) for model in models if model.backend == "llama.cpp"}
        return cls({model.name: _tariff(model, found) for model in models}, found.version, running)

    @property
    def by_target(self) -> Mapping[str, Price]:
        """Every target's price for a prompt that is not long."""
        return self._by_target

    def of(self, target: str, prompt_tokens: int = 0, tier: str | None = None) -> Price:
        """The price of one target for such a prompt; every kind is None for one that is not in the configuration."""
        tariff = self._tariffs.get(target)
        return UNKNOWN if tariff is None else tariff.price(prompt_tokens, tier)

    def cost(self, target: str, usage: Usage, seconds: float = 0.0) -> float | None:
        """USD for `usage` on `target`, which took so many seconds; None while a price that it needs is unknown."""
        tokens = cost(self.of(target, usage.prompt_tokens, usage.tier), usage)
        return None if tokens is None else tokens + self.running_usd(target, seconds)

    def running_usd(self, target: str, seconds: float) -> float:
        """What `seconds` of work on `target` cost besides its tokens."""
        running = self._running.get(target)
        return 0.0 if running is None else running.usd(seconds)

    def joules(self, target: str, seconds: float) -> float | None:
        """An estimate of what `seconds` of work took; None for a remote target, of which nobody here can tell."""
        running = self._running.get(target)
        return None if running is None else running.joules(seconds)


def cost(price: Price, usage: Usage) -> float | None:
    """USD for `usage`, None while a price that it needs is unknown.

    A cached, written or image token without a price of its own costs what one that was read does, a reasoning token what
    one that was written does. Sound costs many times what text does, so that its price is unknown unless it is stated.
    """
    total = 0.0
    for tokens, usd in (*_read(price, usage), *_written(price, usage)):
        if tokens and usd is None:
            return None
        total += tokens * (usd or 0.0)
    return total


def _read(price: Price, usage: Usage) -> Iterator[tuple[int, float | None]]:
    plain = usage.prompt_tokens
    for tokens, usd in (
        (usage.cached_tokens, _or(price.cached_usd, price.input_usd)),
        (usage.cache_write_tokens, _or(price.cache_write_usd, price.input_usd)),
        (usage.audio_tokens, price.audio_input_usd),
        (usage.image_tokens, _or(price.image_usd, price.input_usd)),
    ):
        # A target that tells more parts than the whole is not charged for more than the whole.
        part = min(tokens, plain)
        plain -= part
        yield part, usd
    yield plain, price.input_usd


def _written(price: Price, usage: Usage) -> Iterator[tuple[int, float | None]]:
    plain = usage.completion_tokens
    for tokens, usd in (
        (usage.audio_completion_tokens, price.audio_output_usd),
        (usage.reasoning_tokens, _or(price.reasoning_usd, price.output_usd)),
    ):
        part = min(tokens, plain)
        plain -= part
        yield part, usd
    yield plain, price.output_usd


def _or(usd: float | None, otherwise: float | None) -> float | None:
    return otherwise if usd is None else usd


def _tariff(model: ModelConfig, found: PriceMap) -> Tariff:
    entry = found.entries.get(model.name)
    listed = FREE if model.backend == "llama.cpp" else entry.price() if entry is not None else UNKNOWN
    return Tariff.of(listed, found.variants.get(model.name, ()), model.price)
