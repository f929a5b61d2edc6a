"""How many second attempts a target may get. Pure: every moment (seconds) comes from the caller."""

from collections import deque

from router.config import RetrySettings

STEPS = 10  # into so many parts the window is cut; old ones are forgotten whole


class RetryBudget:
    """Counts the requests and retries of a sliding window."""

    def __init__(self, settings: RetrySettings) -> None:
        self._settings = settings
        self._step_s = settings.window_s / STEPS
        self._parts: deque[tuple[int, list[int]]] = deque()

    def requested(self, now: float) -> None:
        """A first attempt was made."""
        self._part(now)[0] += 1

    def spend(self, now: float) -> bool:
        """Take one retry out of the budget; False when it is used up."""
        part = self._part(now)
        requests, retries = (sum(counts[kind] for _, counts in self._parts) for kind in (0, 1))
        if retries >= max(self._settings.least, self._settings.share * requests):
            return False
        part[1] += 1
        return True

    def _part(self, now: float) -> list[int]:
        number = int(now // self._step_s)
        while self._parts and self._parts[0][0] <= number - STEPS:
            self._parts.popleft()
        if not self._parts or self._parts[-1][0] != number:
            self._parts.append((number, [0, 0]))
        return self._parts[-1][1]
