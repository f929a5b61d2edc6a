"""What became of the usage records, as series."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from router.ledger.tally import Tally


class Books(Collector):
    """What became of the usage records."""

    def __init__(self) -> None:
        self.tally = Tally()

    def describe(self) -> list[Metric]:
        """The one family, empty."""
        return [CounterMetricFamily("shunt_usage_records", "", labels=["outcome"])]

    def collect(self) -> Iterator[Metric]:
        """Records written to the journal, dropped, moved to the store, and journal lines that could not be read."""
        family = CounterMetricFamily("shunt_usage_records", "Usage records by what became of them.", labels=["outcome"])
        for outcome in ("written", "dropped", "stored", "unreadable"):
            family.add_metric([outcome], getattr(self.tally, outcome))
        yield family
