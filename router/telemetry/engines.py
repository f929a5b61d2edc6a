"""The engines' own figures as series."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.backends.local import EngineStats

ENGINE_STATES = {"loaded": "ready", "unloaded": "unloaded", "loading": "loading", "failed": "down"}
ENGINE_GAUGES = {
    "live": "Sequences that are generated now.",
    "kv_used": "Cells of the key-value cache that are in use.",
    "kv_size": "Cells of the key-value cache.",
    "tokens_per_s": "Recent rate of generated tokens.",
    "memory_bytes": "What the model takes of the memory budget, as estimated; 0 while it is not in memory.",
}
ENGINE_COUNTERS = {
    "loads": "Times the model was brought into memory.",
    "prompt_tokens": "Prompt tokens, cached ones included; restarts with the engine.",
    "cached_tokens": "Prompt tokens that were in the prefix cache; restarts with the engine.",
    "completion_tokens": "Generated tokens; restarts with the engine.",
}


class Engines(Collector):
    """The engines' own figures, as they were last observed."""

    def __init__(self) -> None:
        self.stats: dict[str, EngineStats] = {}

    def describe(self) -> list[Metric]:
        """Every family, empty while there are no local models."""
        return list(self.collect())

    def collect(self) -> Iterator[Metric]:
        """One family for each figure, one series for each local model."""
        queue = GaugeMetricFamily("shunt_queue_depth", "Requests that wait for their turn.", labels=["target"])
        wait = GaugeMetricFamily(
            "shunt_engine_wait_seconds", "How long a request that came now would wait.", labels=["target"]
        )
        restarts = CounterMetricFamily(
            "shunt_local_restarts", "Times an engine ended and was started again.", labels=["target"]
        )
        state = GaugeMetricFamily(
            "shunt_engine_state", "1 for what the model is now, 0 for the others.", labels=["target", "state"]
        )
        for target, stats in self.stats.items():
            queue.add_metric([target], stats.queued)
            wait.add_metric([target], stats.wait_ms / 1000)
            restarts.add_metric([target], stats.restarts_total)
            for name, status in ENGINE_STATES.items():
                state.add_metric([target, name], stats.status == status)
        yield from (queue, wait, restarts, state)
        yield from self._gauges()
        yield from self._counters()

    def _gauges(self) -> Iterator[Metric]:
        for name, words in ENGINE_GAUGES.items():
            family = GaugeMetricFamily(f"shunt_engine_{name}", words, labels=["target"])
            for target, stats in self.stats.items():
                family.add_metric([target], getattr(stats, name))
            yield family

    def _counters(self) -> Iterator[Metric]:
        for name, words in ENGINE_COUNTERS.items():
            family = CounterMetricFamily(f"shunt_engine_{name}", words, labels=["target"])
            for target, stats in self.stats.items():
                family.add_metric([target], getattr(stats, f"{name}_total"))
            yield family
