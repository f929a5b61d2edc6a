"""Prices: the file first, litellm's map second, and unknown is never zero."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.chat import Usage
from router.config import Config, EngineOptions, ModelConfig, Price, Running
from router.errors import ConfigError
from router.ledger.pricemap import PriceMap, find
from router.ledger.prices import Prices, cost

REMOTE = ModelConfig(name="large", backend="openai", zone="cloud", can=frozenset({"chat"}), context=128_000)
LOCAL = ModelConfig(
    name="small", backend="llama.cpp", zone="local", can=frozenset({"chat"}), context=2048, source="x.gguf"
)
THOUSAND = Usage(prompt_tokens=1000, completion_tokens=1000)


def prices(*models: ModelConfig) -> Prices:
    return Prices.load(
        Config(path=None, models={model.name: model for model in models}, tiers=(), policies={}, default_policy="auto")
    )


@pytest.mark.parametrize(
    ("backend", "model", "base_url"),
    [
        ("openai", "gpt-4o", "https://api.openai.com/v1"),
        ("openai", "gpt-4o", "http://127.0.0.1:9/v1"),
        ("litellm", "gpt-4o", None),
        ("litellm", "openai/gpt-4o", None),
    ],
)
def test_a_model_is_found_under_the_names_it_goes_by(backend: str, model: str, base_url: str | None):
    """With its provider's prefix or without, a listed model has its listed price."""
    found = prices(replace(REMOTE, backend=backend, model=model, base_url=base_url)).of("large")
    assert (found.input_usd, found.output_usd, found.cached_usd) == (2.5e-06, 1e-05, 1.25e-06)


def test_a_provider_prefix_finds_the_vendors_own_entry():
    """The map lists Anthropic's models by their bare names."""
    found = prices(replace(REMOTE, backend="litellm", model="anthropic/claude-sonnet-4-5"))
    assert found.cost("large", THOUSAND) == pytest.approx(0.018)


def test_the_same_name_at_another_seller_is_unknown():
    """A price is a seller's: a model bought elsewhere has no listed one."""
    openrouter = replace(REMOTE, model="gpt-4o", base_url="https://openrouter.ai/api/v1")
    assert prices(openrouter).cost("large", THOUSAND) is None


def test_a_model_that_is_not_listed_is_unknown():
    """No price is no zero."""
    assert prices(replace(REMOTE, model="our-own-model")).cost("large", THOUSAND) is None
    assert prices().cost("nobody", THOUSAND) is None


def test_a_local_model_is_free_unless_the_file_says_otherwise():
    """Tokens of a local model cost nothing yet, and a price in the file wins."""
    assert prices(LOCAL).cost("small", THOUSAND) == 0.0
    priced = replace(LOCAL, price=Price(output_usd=1e-6))
    assert prices(priced).cost("small", THOUSAND) == pytest.approx(0.001)


def test_the_file_overrides_kind_by_kind():
    """A discount of the map is not put beside an input price of the file."""
    model = replace(REMOTE, model="gpt-4o", price=Price(input_usd=1e-6))
    assert prices(model).of("large") == Price(input_usd=1e-6, output_usd=1e-05, cached_usd=None)


def test_cached_tokens_have_their_own_price():
    """What was not read again is charged at the discount, or in full where none is stated."""
    usage = Usage(prompt_tokens=100, completion_tokens=10, cached_tokens=60)
    assert cost(Price(2.0, 3.0, 0.5), usage) == 40 * 2.0 + 60 * 0.5 + 10 * 3.0
    assert cost(Price(2.0, 3.0, None), usage) == 100 * 2.0 + 10 * 3.0


def test_each_kind_of_token_has_its_price():
    """Cached, written, heard, seen, spoken and thought tokens are charged as what they are, the rest as text."""
    price = Price(
        2.0, 3.0, 0.5, cache_write_usd=2.5, reasoning_usd=4.0, audio_input_usd=9.0, audio_output_usd=20.0, image_usd=1.0
    )
    usage = Usage(100, 50, 10, 5, cache_write_tokens=20, audio_tokens=30, audio_completion_tokens=15, image_tokens=15)
    assert cost(price, usage) == 10 * 0.5 + 20 * 2.5 + 30 * 9 + 15 * 1 + 25 * 2 + 15 * 20 + 5 * 4 + 30 * 3


def test_sound_without_a_price_is_unknown():
    """Sound at the price of text would be an invention; thought and images cost what their neighbours do."""
    price = Price(2.0, 3.0)
    assert cost(price, Usage(10, 10, audio_tokens=1)) is None
    assert cost(price, Usage(10, 10, audio_completion_tokens=1)) is None
    assert cost(price, Usage(10, 10, reasoning_tokens=5, image_tokens=5, cache_write_tokens=5)) == 50


def test_parts_are_not_charged_for_more_than_the_whole():
    """A target that tells more cached than prompt tokens is charged for the prompt."""
    assert cost(Price(2.0, 3.0, 1.0), Usage(10, 0, cached_tokens=50, image_tokens=50)) == 10


def test_the_map_brings_the_other_kinds():
    """What a cache write, a thought or a sound costs comes from the map too."""
    written = prices(replace(REMOTE, backend="litellm", model="anthropic/claude-sonnet-4-5")).of("large")
    assert written.cache_write_usd == pytest.approx(3.75e-06)
    heard = prices(replace(REMOTE, model="gpt-audio")).of("large")
    assert heard.audio_input_usd is not None
    assert heard.audio_input_usd > 10 * heard.input_usd


def test_a_local_model_can_cost_by_the_hour_and_by_the_watt():
    """Places that are all taken for an hour come to the machine's price and its electricity."""
    model = replace(LOCAL, parallel=4, running=Running(usd_per_hour=0.8, usd_per_kwh=0.25, watts=400))
    found = prices(model)
    assert 4 * found.cost("small", THOUSAND, 3600.0) == pytest.approx(0.8 + 0.4 * 0.25)
    assert 4 * found.joules("small", 3600.0) == pytest.approx(0.4 * 3.6e6)


def test_joules_are_estimated_where_nobody_says_what_a_machine_draws():
    """Cores at 12 W, for local models on the processor; they cost nothing, and of remote ones there is no figure."""
    found = prices(replace(LOCAL, parallel=4, threads=6, running=Running(usd_per_hour=0.4)), REMOTE)
    assert found.joules("small", 10.0) == pytest.approx(10 / 4 * 6 * 12.0)
    assert found.running_usd("small", 3600.0) == pytest.approx(0.1)
    assert found.joules("large", 10.0) is None
    assert prices(replace(LOCAL, engine=EngineOptions(gpu_layers=-1))).joules("small", 10.0) is None


USAGES = st.builds(Usage, *(st.integers(0, 10**7),) * 3)
KINDS = st.none() | st.floats(0, 1)


@given(USAGES, st.builds(Price, KINDS, KINDS, KINDS))
def test_a_cost_is_unknown_exactly_when_a_price_is_missing(usage: Usage, price: Price):
    """Any usage costs a number of dollars, at least zero, unless a token in it has no price."""
    missing = (usage.prompt_tokens and price.input_usd is None and not _all_cached(usage, price)) or (
        usage.completion_tokens and price.output_usd is None
    )
    answer = cost(price, usage)
    assert (answer is None) == bool(missing)
    assert answer is None or answer >= 0


def _all_cached(usage: Usage, price: Price) -> bool:
    return price.cached_usd is not None and usage.cached_tokens >= usage.prompt_tokens


def test_litellm_is_not_imported_for_its_prices():
    """Reading the map costs neither litellm's seconds nor its memory."""
    code = (
        "import sys; from router.ledger.pricemap import PriceMap; from router.config import ModelConfig;"
        "m = ModelConfig(name='x', backend='litellm', zone='', can=frozenset(), context=0, model='gpt-4o');"
        "assert PriceMap.read([m]).entries['x'].max_input_tokens == 128000;"
        "print([name for name in sys.modules if name.partition('.')[0] == 'litellm'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_map_is_named():
    """A report can say which list its prices came from."""
    import importlib.metadata

    version = prices(replace(REMOTE, model="gpt-4o")).version
    assert version.startswith(f"litellm {importlib.metadata.version('litellm')} sha256:")


def test_every_entry_that_could_be_asked_for_can_be_read():
    """No entry of the installed map breaks the reader."""
    import json

    names = json.loads(find().read_bytes())
    models = [replace(REMOTE, name=name, backend="litellm", model=name) for name in names if name != "sample_spec"]
    assert len(PriceMap.read(models).entries) == len(models)


def test_a_damaged_map_is_named(tmp_path: Path):
    """The message says which file is wrong."""
    (tmp_path / "map.json").write_text("{")
    with pytest.raises(ConfigError, match=r"map\.json"):
        PriceMap.read([REMOTE], tmp_path / "map.json")
