"""What a caller may use: the bounds of one key, of one tag, or of everybody."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

OnExceed: TypeAlias = Literal["reject", "downgrade", "local_only"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds under one name; None is no bound. Money in USD, days and months of UTC.

    `key` or `tag` says whose requests count, both None everybody's. `max_tokens` caps an answer. `on_exceed` says what becomes
    of a request that the money does not reach for; the other bounds refuse.
    """

    id: str
    key: str | None = None
    tag: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrent: int | None = None
    max_tokens: int | None = None
    usd_per_day: float | None = None
    usd_per_month: float | None = None
    on_exceed: OnExceed = "reject"

    @property
    def is_of_money(self) -> bool:
        """True when it bounds what is spent."""
        return self.usd_per_day is not None or self.usd_per_month is not None

    @property
    def bounds_answers(self) -> bool:
        """True when an answer's length counts against it, so that an answer needs an end that is known before."""
        return self.is_of_money or self.tokens_per_minute is not None
