"""Metrics of what happens beside the answers: the cache, what is kept of them, and the requests that are answered once more in the shadow."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.cache.store import CacheStats
from router.ledger.record import UsageRecord
from router.telemetry import labels
from router.telemetry.family import Family

AGREEMENT_BUCKETS = tuple(step / 10 for step in range(11))


class Aside:
    """The families and the verbs that move them; `cost` is the counter of money that all of it is part of."""

    def __init__(self, registry: CollectorRegistry, cost: Callable[[str, str], Counter]) -> None:
        self._cost = cost
        self._cache = Family(
            Counter(
                "shunt_cache_requests_total",
                "Requests that the cache was asked for, by what it had.",
                ["result"],
                registry=registry,
            ),
            [labels.CACHE_RESULTS],
        )
        self._cache_saved = Counter(
            "shunt_cache_saved_usd_total",
            "What the answers from the cache would have cost at their own targets.",
            registry=registry,
        )
        self._shadow = Family(
            Counter(
                "shunt_shadow_total",
                "Sampled requests by what became of their copy; no client sees any of it.",
                ["result"],
                registry=registry,
            ),
            [labels.SHADOW_RESULTS],
        )
        self._captures = Family(
            Counter(
                "shunt_captures_total",
                "Sampled requests by what became of their words: kept, withheld for personal data, or dropped.",
                ["result"],
                registry=registry,
            ),
            [labels.CAPTURE_RESULTS],
        )
        self._agreement = Histogram(
            "shunt_shadow_agreement",
            "The lower score of the two answers that were compared, 1 where neither is worse.",
            buckets=AGREEMENT_BUCKETS,
            registry=registry,
        )
        self._shelves = Shelves()
        registry.register(self._shelves)

    def answered(self, record: UsageRecord) -> None:
        """An accepted request ended: what its cache had, if it has one."""
        if record.cache is not None:
            self._cache(record.cache).inc()
        if record.cache_saved_usd is not None:
            self._cache_saved.inc(record.cache_saved_usd)

    def paid(self, record: UsageRecord) -> None:
        """A request in the shadow ended, and cost what its record says."""
        if record.cost_usd is not None:
            self._cost(record.target, "shadow").inc(record.cost_usd)

    def shadowed(self, result: str) -> None:
        """A sampled request's copy ended, or was not sent."""
        self._shadow(result).inc()

    def captured(self, result: str) -> None:
        """The words of a sampled request were kept, or were not."""
        self._captures(result).inc()

    def observe(self, stats: CacheStats) -> None:
        """What the cache of this process holds."""
        self._shelves.stats = stats

    def agreed(self, score: float) -> None:
        """Two answers were compared."""
        self._agreement.observe(score)


class Shelves(Collector):
    """What the cache of this process holds, as it was last observed."""

    def __init__(self) -> None:
        self.stats = CacheStats()

    def describe(self) -> list[Metric]:
        """The families, empty."""
        return list(self.collect())

    def collect(self) -> Iterator[Metric]:
        """Answers in memory, their size, those that went for want of room, and times that a Redis failed."""
        stats = self.stats
        yield GaugeMetricFamily("shunt_cache_entries", "Answers that are kept in memory.", value=stats.entries)
        yield GaugeMetricFamily("shunt_cache_bytes", "Memory that the kept answers take.", value=stats.bytes)
        yield CounterMetricFamily(
            "shunt_cache_evictions", "Kept answers that went to make room.", value=stats.evictions
        )
        yield CounterMetricFamily(
            "shunt_cache_failures", "Times the Redis of the cache did not answer.", value=stats.failures
        )
