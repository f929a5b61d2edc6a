"""What it costs to run a local model: by the hour, and by the electricity that its work is estimated to take.

A request has a place among `parallel` ones for the seconds that it was at the model, waiting for its turn included. Its share
of the machine is seconds / parallel. From that share

    USD    = share * usd_per_hour / 3600 + joules / 3.6e6 * usd_per_kwh
    joules = share * watts

so that a machine whose places are all taken comes to its full price and its full draw. `watts` is what the operator has
measured that the machine draws more while the model works. Without it the joules are those of the Green Algorithms
(Lannelongue, Grealey and Inouye 2021, doi:10.1002/advs.202100707), for cores of an unknown model that work all the time:

    watts = threads * 12.0

without their terms for memory (0.3725 W for each GB) and for the data centre. That is a figure to compare with, not to pay by:
it costs nothing. A model on a GPU has none.
"""

import os
from dataclasses import dataclass

from router.config import ModelConfig, Running

HOUR_S = 3600.0
JOULES_PER_KWH = 3.6e6
WATTS_PER_CORE = 12.0


@dataclass(frozen=True, slots=True)
class Share:
    """One of `parallel` places on a machine that costs what `running` says."""

    running: Running
    parallel: int
    usual_watts: float | None = None

    @classmethod
    def of(cls, model: ModelConfig) -> "Share":
        """A place at a local model."""
        threads = model.threads or max(1, (os.cpu_count() or 1) - 1)
        watts = threads * WATTS_PER_CORE if model.engine.gpu_layers == 0 else None
        return cls(model.running, model.parallel, watts)

    def joules(self, seconds: float) -> float | None:
        """The estimate for `seconds` in one place; None where there is nothing to go by."""
        watts = self.usual_watts if self.running.watts is None else self.running.watts
        return None if watts is None else seconds / self.parallel * watts

    def usd(self, seconds: float) -> float:
        """What `seconds` in one place cost."""
        running, share_s = self.running, seconds / self.parallel
        joules = share_s * (running.watts or 0.0)
        return share_s * (running.usd_per_hour or 0.0) / HOUR_S + joules / JOULES_PER_KWH * (running.usd_per_kwh or 0.0)
