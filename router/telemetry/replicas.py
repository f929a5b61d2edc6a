"""Whether limits are enforced together with the other replicas, as series."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SHARED = "1 while limits are counted together with the other replicas, 0 while this one enforces its own share."
FAILURES = "Times the Redis of the limits did not answer."


class Replicas(Collector):
    """`observe` tells whether limits are shared now and how often that failed; None where they never are: no series."""

    def __init__(self, observe: Callable[[], tuple[bool, int] | None]) -> None:
        self._observe = observe

    def describe(self) -> list[Metric]:
        """The families, empty."""
        return [
            GaugeMetricFamily("shunt_limits_shared", SHARED),
            CounterMetricFamily("shunt_limits_failures", FAILURES),
        ]

    def collect(self) -> Iterator[Metric]:
        """Both, where there are other replicas."""
        found = self._observe()
        if found is not None:
            is_shared, failures = found
            yield GaugeMetricFamily("shunt_limits_shared", SHARED, value=is_shared)
            yield CounterMetricFamily("shunt_limits_failures", FAILURES, value=failures)
