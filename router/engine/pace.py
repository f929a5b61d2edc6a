"""How many prompt tokens may ride along in a batch without being felt by the streams that are running.

Learned from the steps themselves: the time of a step that only writes, and what each prompt token adds to it.
"""

from dataclasses import dataclass
from typing import Final

MAX_STRETCH: Final = 2.4
"""A mixed step may take this many times a writing step; the promise is that no gap is over 3 times the median."""

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


@dataclass(slots=True)
class Pace:
    """Exponential averages in seconds; zero is not known yet."""

    writing_s: float = 0.0
    prompt_token_s: float = 0.0

    def observe(self, prompt_tokens: int, writers: int, seconds: float) -> None:
        """One step took `seconds` for `writers` answer tokens and `prompt_tokens` of prompts."""
        if not prompt_tokens:
            self.writing_s = _blend(self.writing_s, seconds)
        elif not writers or seconds > self.writing_s:
            extra = seconds - self.writing_s if writers else seconds
            self.prompt_token_s = _blend(self.prompt_token_s, extra / prompt_tokens)

    def allowance(self, writers: int, oldest: int, most: int) -> int:
        """Prompt tokens for the next step, at most `most`; the longest-running of the writers has written `oldest`."""
        if not self.prompt_token_s:
            return min(most, FIRST_CHUNK)
        if writers and oldest > YOUNG_TOKENS and self.writing_s:
            # Rows of four suit the kernels of the usual quantizations.
            return min(max(4, self._tokens((MAX_STRETCH - 1) * self.writing_s) // 4 * 4), most)
        efficient = min(EFFICIENT_CHUNK, self._tokens(LONGEST_STEP_S))
        return min(max(FIRST_CHUNK, efficient, self._tokens(MAX_STEP_S)), most)

    def _tokens(self, seconds: float) -> int:
        return int(seconds / self.prompt_token_s)


def _blend(old: float, new: float) -> float:
    return new if not old else old + _WEIGHT * (new - old)
