"""The circuit breaker of one target. Pure: every moment (seconds, any monotonic clock) comes from the caller.

    closed     --enough of the recent answers failed-->    open
    open       --its time is up-->                         half-open
    half-open  --its one probe answers-->                  closed
    half-open  --its probe fails-->                        open, for twice as long

A breaker advises and never forbids: whoever has nobody else to ask may `enter` a shut one, and an answer closes it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from router.config import BreakerSettings

BreakerState: TypeAlias = Literal["closed", "open", "half_open"]

MAX_SAMPLES = 128


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to ask the target once. What comes of it counts only while the breaker is in the `epoch` it was given in."""

    epoch: int
    is_probe: bool = False


class Breaker:
    """Closed at first. Each `enter` is followed by one of `succeeded`, `failed` and `abandoned`."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._samples: deque[tuple[float, bool]] = deque(maxlen=MAX_SAMPLES)
        self._open_until: float | None = None
        self._openings = 0
        self._epoch = 0
        self._has_probe = False
        self._rests_until = float("-inf")

    def state(self, now: float) -> BreakerState:
        """How the breaker stands; a target that rests after a Retry-After does not have to be open."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half_open"

    def admits(self, now: float) -> bool:
        """True when the target should be asked even though others could be."""
        if now < self._rests_until:
            return False
        match self.state(now):
            case "closed":
                return True
            case "open":
                return False
            case "half_open":
                return not self._has_probe

    def wait_s(self, now: float) -> float:
        """How long until it may admit somebody again, in seconds."""
        return max(0.0, self._rests_until - now, (self._open_until or 0.0) - now if self._open_until else 0.0)

    def enter(self, now: float) -> Pass:
        """Ask the target, admitted or not; the first one to enter a half-open breaker is its probe."""
        is_probe = self.state(now) == "half_open" and not self._has_probe
        self._has_probe = self._has_probe or is_probe
        return Pass(self._epoch, is_probe)

    def revived(self, given: Pass) -> Pass:
        """The answer has begun: that is enough to close. Returns the pass that the rest of the answer goes under."""
        if given.epoch != self._epoch or self._open_until is None:
            return given
        self._close()
        return Pass(self._epoch)

    def succeeded(self, given: Pass, now: float) -> None:
        """The target answered."""
        given = self.revived(given)
        if given.epoch == self._epoch:
            self._samples.append((now, True))

    def failed(self, given: Pass, now: float) -> None:
        """The target failed. Beside the probe nobody's failure prolongs an opening."""
        if given.epoch != self._epoch:
            return
        if self._open_until is None:
            self._samples.append((now, False))
            if self._has_enough(now):
                self._open(now)
        elif given.is_probe:
            self._open(now)

    def abandoned(self, given: Pass) -> None:
        """The attempt said nothing about the target: the client left, or the target's queue was full."""
        if given.is_probe and given.epoch == self._epoch:
            self._has_probe = False

    def rest(self, seconds: float, now: float) -> None:
        """The target asked to be left alone for `seconds`, which are bounded; a longer rest asked for before stands."""
        self._rests_until = max(self._rests_until, now + min(seconds, self._settings.max_open_s))

    def _has_enough(self, now: float) -> bool:
        while self._samples and self._samples[0][0] <= now - self._settings.window_s:
            self._samples.popleft()
        failures = sum(not is_good for _, is_good in self._samples)
        return failures >= self._settings.failures and failures >= self._settings.share * len(self._samples)

    def _open(self, now: float) -> None:
        settings = self._settings
        # The exponent is bounded because 2 ** 1100 is no float any more.
        seconds = min(settings.open_s * 2.0 ** min(self._openings, 32), max(settings.max_open_s, settings.open_s))
        self._open_until = now + seconds
        self._openings += 1
        self._begin_epoch()

    def _close(self) -> None:
        self._open_until = None
        self._openings = 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._epoch += 1
        self._has_probe = False
        self._samples.clear()
