"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it; `bad` keeps the router from doing its work."""

    level: Level
    subject: str
    found: str
    cure: str = ""
