"""How far the classifier's scores have moved, as a series."""

from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from classifiers.drift import Drift

WORDS = "Population stability index of recent scores: above 0.1 something has changed, above 0.25 much has."


class DriftGauge(Collector):
    """How far the scores of late are from the usual ones; no series while that cannot be told."""

    def __init__(self, usual_scores: Sequence[float]) -> None:
        self._drift = Drift(usual_scores) if usual_scores else None

    def observe(self, score: float) -> None:
        """Count one score."""
        if self._drift is not None:
            self._drift.observe(score)

    def describe(self) -> list[Metric]:
        """The one family, empty."""
        return [GaugeMetricFamily("shunt_classifier_drift", WORDS)]

    def collect(self) -> Iterator[Metric]:
        """The population stability index, once there are enough scores."""
        index = self._drift.index() if self._drift is not None else None
        if index is not None:
            yield GaugeMetricFamily("shunt_classifier_drift", WORDS, value=index)
