"""A token bucket: so many in a minute, a minute's worth at once, refilled evenly."""

MINUTE_S = 60.0


class Bucket:
    """Holds up to `per_minute` and is full at first; it may owe what turned out to be more than was taken.

    `seen` is what was in it when it was last looked at, and `size` its rate as a client is told it.
    """

    __slots__ = ("_at", "most", "per_minute", "seen", "size")

    def __init__(self, per_minute: float, now: float) -> None:
        self.per_minute = per_minute
        self.most = max(1.0, per_minute)
        self.seen = self.most
        self.size = f"{per_minute:.0f}"
        self._at = now

    def level(self, now: float) -> float:
        """What is in it at `now` (seconds of a clock that never goes back)."""
        if now > self._at:
            self.seen = min(self.most, self.seen + (now - self._at) * self.per_minute / MINUTE_S)
            self._at = now
        return self.seen

    def set(self, level: float, now: float) -> None:
        """What is in it at `now`, as somebody else counts."""
        self.seen, self._at = level, now

    def take(self, amount: float, now: float) -> None:
        """Take `amount`, whether it is there or not; a negative one is given back."""
        self.seen = min(self.most, self.level(now) - amount)

    def wait_s(self, amount: float, now: float) -> float:
        """How long until `amount` is there, in seconds."""
        return max(0.0, amount - self.level(now)) * MINUTE_S / self.per_minute
