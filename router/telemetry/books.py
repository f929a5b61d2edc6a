"""What became of the usage records, as series."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.ledger.tally import Tally


class Books(Collector):
    """What became of the usage records."""

    def __init__(self) -> None:
        self.tally = Tally()

    def describe(self) -> list[Metric]:
        """Both families."""
        return list(self.collect())

    def collect(self) -> Iterator[Metric]:
        """Records written to the journal, dropped, moved to the store, lines that could not be read; how far it is behind."""
        family = CounterMetricFamily("shunt_usage_records", "Usage records by what became of them.", labels=["outcome"])
        for outcome in ("written", "dropped", "stored", "unreadable"):
            family.add_metric([outcome], getattr(self.tally, outcome))
        yield family
        words = "For how long the store has not held every record of the journals; about a second while all is well."
        yield GaugeMetricFamily("shunt_ledger_behind_seconds", words, value=self.tally.behind_s)
