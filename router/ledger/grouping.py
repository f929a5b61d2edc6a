"""The columns that a report can group by."""

from enum import StrEnum


class By(StrEnum):
    """What records can be grouped by; days are days of UTC. What a key with several tags used counts for each of them."""

    DAY = "day"
    MODEL = "model"
    TARGET = "target"
    POLICY = "policy"
    RULE = "rule"
    REASON = "reason"
    TASK = "task"
    OUTCOME = "outcome"
    KEY = "key"
    TAG = "tag"
    ROUTE = "route"
    CACHE = "cache"
