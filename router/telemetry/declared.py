"""What the policy file declares, as series that others are joined with or compared to."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.config import Config, Rule

TARGET = "1 for each target of the policy file; its tier is small (the first), large (the last), middle, or none."
THRESHOLD = (
    "Scores from which a rule asks the large model (edge threshold), or is unsure (abstain_start, abstain_stop)."
)


class Declared(Collector):
    """The targets and the thresholds of the policy file that serves."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def describe(self) -> list[Metric]:
        """Both families, empty."""
        return [_targets(), _thresholds()]

    def collect(self) -> Iterator[Metric]:
        """One series for each target, one for each edge of each rule that looks at the score."""
        targets = _targets()
        for name, model in self.config.models.items():
            targets.add_metric([name, tier_of(name, self.config.tiers), model.zone, model.backend], 1)
        thresholds = _thresholds()
        for policy in self.config.policies.values():
            for rule in policy.select:
                for edge, score in _edges(rule):
                    thresholds.add_metric([policy.name, rule.id, edge], score)
        yield from (targets, thresholds)


def tier_of(name: str, tiers: tuple[str, ...]) -> str:
    """Where a target stands in `tiers`, which begin with the smallest; the only one is small."""
    if name not in tiers:
        return "none"
    if name == tiers[0]:
        return "small"
    return "large" if name == tiers[-1] else "middle"


def _edges(rule: Rule) -> Iterator[tuple[str, float]]:
    if rule.threshold is not None:
        yield "threshold", rule.threshold
    if rule.abstain is not None:
        yield from (("abstain_start", rule.abstain.start), ("abstain_stop", rule.abstain.stop))


def _targets() -> GaugeMetricFamily:
    return GaugeMetricFamily("shunt_target_info", TARGET, labels=["target", "tier", "zone", "backend"])


def _thresholds() -> GaugeMetricFamily:
    return GaugeMetricFamily("shunt_rule_threshold", THRESHOLD, labels=["policy", "rule", "edge"])
