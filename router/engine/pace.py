"""How many prompt tokens may ride along in a batch without being felt by the streams that are running.

Learned from the steps themselves: how long writing takes, and reading. The allowance grows from what the streams are
used to: a long prompt slows them down a little more with each step, to a bound, and never stalls them.
"""

from typing import Final

MAX_STRETCH: Final = 2.4
"""A step may take this many times the recent ones; the promise is that no gap is over 3 times the median."""

MAX_SLOWDOWN: Final = 6.0
"""And this many times a step that only writes: rows come in fours on a CPU, so that 4 beside 1 already take 4 times."""

MAX_STEP_S: Final = 0.2
"""With nobody to be disturbed, a step still ends soon enough for a cancel or a new request to be seen."""

YOUNG_TOKENS: Final = 8
"""Streams that began a moment ago have no rhythm to break: in a burst, the prompts beside them come first."""

FIRST_CHUNK: Final = 32
"""Prompt tokens in a step before anything has been learned."""

EFFICIENT_CHUNK: Final = 128
"""Smaller chunks read slower, by 5 % at 64 and 20 % at 32: worth a longer step, up to `LONGEST_STEP_S`."""

LONGEST_STEP_S: Final = 1.0

_WEIGHT: Final = 0.2


class Pace:
    """Exponential averages in seconds: of writing by how many write, of reading a token, and of whole steps."""

    def __init__(self) -> None:
        self._writing_s: dict[int, float] = {}
        self._token_s = 0.0
        self._step_s = 0.0

    def observe_writing(self, writers: int, seconds: float) -> None:
        """One batch of `writers` answer tokens took `seconds`."""
        self._writing_s[writers] = _blend(self._writing_s.get(writers, 0.0), seconds)

    def observe_reading(self, tokens: int, seconds: float) -> None:
        """One batch of prompt tokens took `seconds`."""
        self._token_s = _blend(self._token_s, seconds / tokens)

    def observe_step(self, seconds: float) -> None:
        """A step with writers in it took `seconds` in all."""
        self._step_s = _blend(self._step_s, seconds)

    def writing_s(self, writers: int) -> float:
        """How long that many take to write: as seen, or in proportion to the nearest number seen; 0 is unknown."""
        if not writers or not self._writing_s:
            return 0.0
        nearest = min(self._writing_s, key=lambda seen: abs(seen - writers))
        return self._writing_s[nearest] * writers / nearest

    def allowance(self, writers: int, oldest: int, most: int) -> int:
        """Prompt tokens for the next step, at most `most`; the longest-running of the writers has written `oldest`."""
        if not self._token_s:
            return min(most, FIRST_CHUNK)
        writing_s = self.writing_s(writers)
        if oldest > YOUNG_TOKENS and writing_s:
            step_s = min(MAX_STRETCH * max(writing_s, self._step_s), MAX_SLOWDOWN * writing_s)
            return min(max(4, self._tokens(step_s - writing_s) // 4 * 4), most)
        efficient = min(EFFICIENT_CHUNK, self._tokens(LONGEST_STEP_S))
        return min(max(FIRST_CHUNK, efficient, self._tokens(MAX_STEP_S)), most)

    def _tokens(self, seconds: float) -> int:
        return int(seconds / self._token_s)


def _blend(old: float, new: float) -> float:
    return new if not old else old + _WEIGHT * (new - old)
