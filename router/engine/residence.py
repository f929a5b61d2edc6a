"""When a model is in memory."""

from dataclasses import dataclass, field

from router.config import LoadTime
from router.engine.budget import Budget


@dataclass(frozen=True, slots=True)
class Residence:
    """From the start or from its first use, until nobody has used it for `idle_s` (None: for ever), within `budget`."""

    load: LoadTime = "start"
    idle_s: float | None = None
    budget: Budget = field(default_factory=Budget)
