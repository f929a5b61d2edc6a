"""What may still be spent today: money is set aside before a request is sent, and what was not needed comes back."""

from collections.abc import Callable, Mapping

from router.shadow.label import day_of


class Purse:
    """The money of each policy for the day of UTC that `clock` (Unix seconds) is in; `spent_on` tells what a day began with."""

    def __init__(self, clock: Callable[[], float], spent_on: Callable[[str], Mapping[str, float]]) -> None:
        self._clock = clock
        self._spent_on = spent_on
        self._day = ""
        self._spent: dict[str, float] = {}
        self._aside: dict[str, float] = {}

    def take(self, policy: str, usd: float, limit_usd: float) -> bool:
        """Set `usd` aside; False when the day's limit would be passed."""
        self._turn()
        aside = self._aside.get(policy, 0.0)
        if self._spent.get(policy, 0.0) + aside + usd > limit_usd:
            return False
        self._aside[policy] = aside + usd
        return True

    def settle(self, policy: str, aside_usd: float, spent_usd: float) -> None:
        """Of what was set aside this much was spent."""
        self._turn()
        self._aside[policy] = max(0.0, self._aside.get(policy, 0.0) - aside_usd)
        self._spent[policy] = self._spent.get(policy, 0.0) + spent_usd

    def _turn(self) -> None:
        today = day_of(self._clock())
        if today != self._day:
            self._day, self._spent = today, dict(self._spent_on(today))
