"""How much of each budget of the policy file is used, as series."""

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

WORDS = "Part of a budget that is spent or held by requests under way, of the tighter of day and month; 1 is all of it."


class Budgets(Collector):
    """The budgets as they were last observed. Keys' own are not among them: a key is no label."""

    def __init__(self) -> None:
        self.used: Mapping[str, float] = {}

    def describe(self) -> list[Metric]:
        """The one family, empty."""
        return [_family()]

    def collect(self) -> Iterator[Metric]:
        """One series for each budget of money."""
        family = _family()
        for budget, used in self.used.items():
            family.add_metric([budget], used)
        yield family


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily("shunt_budget_used_ratio", WORDS, labels=["budget"])
