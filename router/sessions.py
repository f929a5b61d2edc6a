"""Where conversations are: a bounded memory that spares judging their earlier turns again. Nothing depends on it."""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_SESSIONS = 20_000


class Sessions:
    """The target of the last turn by conversation; the one that was silent longest is forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MAX_SESSIONS) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def get(self, key: str) -> str | None:
        """The target that the conversation is at, or None when it is not known or its time is up."""
        target, ends_at = self._known.get(key, ("", 0.0))
        return target if target and self._clock() < ends_at else None

    def put(self, key: str, target: str, ttl_s: float) -> None:
        """Remember `target` for `ttl_s` seconds."""
        self._known[key] = (target, self._clock() + ttl_s)
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget one."""
        self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)
