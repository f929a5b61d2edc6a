"""Requests and money by the tags of the keys that came with them."""

from prometheus_client import CollectorRegistry, Counter

from router.ledger.record import UsageRecord
from router.telemetry.family import Family
from router.telemetry.labels import OTHER

UNTAGGED = "untagged"
# Tags are the operator's words and not a client's; this bounds those of somebody who gives each key a tag of its own.
MAX_TAGS = 64


class Tags:
    """The families and the verb that moves them. A key with several tags counts for each, so these are no parts of a sum."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._known = {UNTAGGED, OTHER}
        self._requests = Family(
            Counter(
                "shunt_tag_requests_total",
                f"Accepted requests by each tag of their key; {MAX_TAGS} tags at most, those that come later are other.",
                ["tag"],
                registry=registry,
            ),
            [self._known],
        )
        self._cost = Family(
            Counter(
                "shunt_tag_cost_usd_total",
                "US dollars spent on requests by each tag of their key; a key with several counts for each.",
                ["tag"],
                registry=registry,
            ),
            [self._known],
        )

    def answered(self, record: UsageRecord) -> None:
        """An accepted request ended, and cost what its record says."""
        for tag in record.tags or (UNTAGGED,):
            if len(self._known) < MAX_TAGS + 2:
                self._known.add(tag)
            self._requests(tag).inc()
            if record.cost_usd is not None:
                self._cost(tag).inc(max(0.0, record.cost_usd))
