"""What the targets are: a series for each that other series are joined with on `target`."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.config import Config

WORDS = "1 for each target of the policy file; its tier is small (the first), large (the last), middle, or none."


class Targets(Collector):
    """The targets of the policy file that serves."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def describe(self) -> list[Metric]:
        """The one family, empty."""
        return [_family()]

    def collect(self) -> Iterator[Metric]:
        """One series for each target."""
        family = _family()
        for name, model in self.config.models.items():
            family.add_metric([name, tier_of(name, self.config.tiers), model.zone, model.backend], 1)
        yield family


def tier_of(name: str, tiers: tuple[str, ...]) -> str:
    """Where a target stands in `tiers`, which begin with the smallest; the only one is small."""
    if name not in tiers:
        return "none"
    if name == tiers[0]:
        return "small"
    return "large" if name == tiers[-1] else "middle"


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily("shunt_target_info", WORDS, labels=["target", "tier", "zone", "backend"])
