"""What the policy file says of keeping words: prompts and answers are stored only where it says so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """A `sample` (0..1) of answered requests is kept for `keep_days`, and at most `max_bytes` of them in all.

    `policies` are those whose requests are meant, None all.
    """

    sample: float
    policies: frozenset[str] | None = None
    keep_days: int = 30
    max_bytes: int = 256 << 20
