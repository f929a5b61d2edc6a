"""How many prompt tokens may ride along in a batch without being felt by the streams that are running.

Learned from the steps themselves: the time of a step that only writes, and what each prompt token adds to it.
"""

from dataclasses import dataclass

MAX_STRETCH = 2.4
"""A mixed step may take this many times a writing step; the promise is that no gap is over 3 times the median."""

MAX_STEP_S = 0.5
"""With nobody writing, a step still ends soon enough for a cancel or a new request to be seen."""

_WEIGHT = 0.2


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

    def allowance(self, writers: int, most: int) -> int:
        """Prompt tokens for the next step, at most `most`; the batch is rounded to rows of four, which kernels like."""
        if not self.prompt_token_s:
            return min(most, 32) if writers else most
        budget_s = (MAX_STRETCH - 1) * self.writing_s if writers and self.writing_s else MAX_STEP_S
        tokens = int(budget_s / self.prompt_token_s)
        rounded = (tokens + writers) // 4 * 4 - writers
        return max(min(rounded, most), min(most, 4))


def _blend(old: float, new: float) -> float:
    return new if not old else old + _WEIGHT * (new - old)
