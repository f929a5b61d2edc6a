"""Prices of long prompts and of other tiers of service: the map's, under what the policy file says."""

from dataclasses import replace

import msgspec
import pytest

from router.backends.answers import whole_answer
from router.chat import Usage
from router.config import Price
from router.ledger.tariff import Tariff, Variant
from tests.ledger.test_prices import REMOTE, prices

PLAIN = Price(input_usd=1.0, output_usd=4.0, cached_usd=0.5)
LONG = Variant(1000, None, Price(input_usd=2.0))
FLEX = Variant(0, "flex", Price(input_usd=0.25, output_usd=1.0))


def test_a_longer_prompt_moves_the_whole_request():
    """Up to the step it is the plain price, beyond it the step's; a kind that the step does not name stays."""
    tariff = Tariff.of(PLAIN, [LONG])
    assert [tariff.price(tokens).input_usd for tokens in (0, 1000, 1001)] == [1.0, 1.0, 2.0]
    assert tariff.price(2000).output_usd == 4.0


def test_a_tier_has_its_own_price_and_an_unknown_one_the_usual():
    """What the tier does not name costs what it does otherwise, the step for long prompts too."""
    tariff = Tariff.of(PLAIN, [LONG, FLEX])
    assert (tariff.price(10, "flex").input_usd, tariff.price(10, "flex").cached_usd) == (0.25, 0.5)
    assert tariff.price(2000, "flex").input_usd == 2.0
    assert tariff.price(10, "scale") == PLAIN


def test_what_the_file_says_goes_before_every_variant():
    """A price of one's own has neither the map's steps nor its tiers, on the side that it is for."""
    tariff = Tariff.of(PLAIN, [LONG, FLEX], Price(input_usd=9.0))
    assert {tariff.price(tokens, tier).input_usd for tokens in (1, 5000) for tier in (None, "flex")} == {9.0}
    assert tariff.price(1, "flex").output_usd == 1.0


def test_the_map_brings_them():
    """Beyond 200,000 tokens, and where the target says that it served in another tier."""
    found = prices(replace(REMOTE, backend="litellm", model="gemini/gemini-2.5-pro"))
    assert found.cost("large", Usage(200_000, 0)) == pytest.approx(0.25)
    assert found.cost("large", Usage(200_001, 1000)) == pytest.approx(200_001 * 2.5e-6 + 0.015)
    assert found.cost("large", Usage(1000, 0, tier="priority")) == pytest.approx(0.00225)


@pytest.mark.parametrize(("told", "tier"), [("flex", "flex"), ("priority", "priority"), ("default", None), (7, None)])
def test_a_target_tells_its_tier(told: object, tier: str | None):
    """What the answer says counts, not what was asked for."""
    body = {
        "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        "service_tier": told,
    }
    usage = whole_answer(msgspec.json.encode(body), REMOTE)[-1]
    assert isinstance(usage, Usage)
    assert usage.tier == tier
