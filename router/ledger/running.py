"""What it costs to run a local model: by the hour, and by the electricity that its work is estimated to take.

A request has a place among `parallel` ones for the seconds that it was at the model, waiting for its turn included. Its share
of the machine is seconds / parallel. From that share

    USD    = share * usd_per_hour / 3600 + joules / 3.6e6 * usd_per_kwh
    joules = share * watts

so that a machine whose places are all taken comes to its full price and its full draw. `watts` is what the operator has
measured that the machine draws more while the model works; without it there is no figure.
"""

from dataclasses import dataclass

from router.config import Running

HOUR_S = 3600.0
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Share:
    """One of `parallel` places on a machine that costs what `running` says."""

    running: Running
    parallel: int

    def joules(self, seconds: float) -> float | None:
        """The estimate for `seconds` in one place; None where nobody says what the machine draws."""
        watts = self.running.watts
        return None if watts is None else seconds / self.parallel * watts

    def usd(self, seconds: float) -> float:
        """What `seconds` in one place cost."""
        by_hour = seconds / self.parallel * (self.running.usd_per_hour or 0.0) / HOUR_S
        return by_hour + (self.joules(seconds) or 0.0) / JOULES_PER_KWH * (self.running.usd_per_kwh or 0.0)
