"""What a labelled prompt costs on either side: as its row says, otherwise estimated from the prices of the models."""

from collections.abc import Sequence
from dataclasses import replace

from classifiers.outcomes import Outcome
from router.chat import Usage
from router.ledger.prices import Prices
from router.policy.facts import BYTES_PER_TOKEN

ANSWER_TOKENS = 256
"""Assumed length of an answer where a row does not bring its costs; `shunt route` assumes the same."""


def priced(outcomes: Sequence[Outcome], prices: Prices, small: str, large: str) -> list[Outcome]:
    """The rows with a cost on each side; None stays where a price is unknown."""
    return [
        replace(
            row,
            small_usd=row.small_usd if row.small_usd is not None else prices.cost(small, _usage(row)),
            large_usd=row.large_usd if row.large_usd is not None else prices.cost(large, _usage(row)),
        )
        for row in outcomes
    ]


def _usage(row: Outcome) -> Usage:
    return Usage(len(row.prompt.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1, ANSWER_TOKENS)
