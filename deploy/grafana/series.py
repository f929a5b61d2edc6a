"""The page that lists every series: what `/metrics` declares, in its own words."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.metrics_core import Metric

from router.config import Config
from router.telemetry.metrics import Metrics
from router.telemetry.replicas import Replicas

HEAD = """\
# Series

Everything that `/metrics` tells, in Prometheus' text format or in OpenMetrics, beside `process_*` (the router's own processor time,
memory and files). Written by `python -m deploy.grafana` from what the program declares; a test asks a running application for the same.

Labels take values from closed sets: names of the policy file, tags of the operator's keys (64 at most), and fixed words. What is in
none of them counts as `other`; a path, a model that nobody knows, a key, a user or a session is never a label. Twenty thousand
requests with random ones leave the number of series as it was. `shunt_classifier_drift` begins after 500 scores, `shunt_limits_*` where
the policy file has `replicas`.
"""


def page() -> str:
    """The page in Markdown."""
    config = Config(path=None, models={}, tiers=(), policies={}, default_policy="auto")
    registry = Metrics(config, usual_scores=(1.0,) * 20).registry
    registry.register(Replicas(lambda: None))
    # The library has no public list of what is registered, nor of label names before a series exists.
    collectors: list[object] = [*(registry._collector_to_names or ())]  # noqa: SLF001
    rows = {row for one in collectors for row in _rows(one)}
    return "\n".join([HEAD, "| series | type | labels | meaning |", "| --- | --- | --- | --- |", *sorted(rows), ""])


def _rows(collector: object) -> Iterator[str]:
    describe: Callable[[], Iterable[Metric]] = getattr(collector, "describe", list)
    for family in describe():
        names: Iterable[str] = getattr(family, "_labelnames", ()) or getattr(collector, "_labelnames", ())
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = ", ".join(f"`{name}`" for name in names)
        yield f"| `{family.name}{suffix}` | {family.type} | {labels} | {family.documentation} |"
