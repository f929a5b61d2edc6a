"""Where a request starts instead of its target while that is too busy. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from router.config import Policy
from router.policy.decision import Facts

SPILL = "spill"


@dataclass(frozen=True, slots=True)
class Detour:
    """The target to start at, and why, in the words of a decision's reason."""

    to: str
    reason: str


def detour_of(policy: Policy | None, start: str, facts: Facts, states: Mapping[str, str]) -> Detour | None:
    """The way around `start`, if the policy has one and it is the better way now.

    `states` holds the targets that may answer at all. A queue that is shorter than the other target's usual time to the
    first token is waited in, however long that is; of a target that has not streamed yet nothing is known.
    """
    spill = None if policy is None else policy.spill
    if spill is None or spill.source != start or states.get(spill.to) != "ready":
        return None
    wait_ms = facts.load.queue_ms.get(start, 0.0)
    usual_ms = facts.load.first_ms.get(spill.to, 0.0)
    return Detour(spill.to, SPILL) if wait_ms > max(spill.queue_ms, usual_ms) else None
