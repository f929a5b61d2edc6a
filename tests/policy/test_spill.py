"""Spilling: when another target takes what a busy local model would keep waiting."""

from collections.abc import Callable, Mapping

import pytest

from router.policy import decide
from router.policy.decision import Decision, Facts, Load
from tests.policy.conftest import Loader
from tests.policy.files import GUARDED, Judged

SPILLING = GUARDED.replace(
    "    on_failure: [large, small]\n",
    "    on_failure: [large, small]\n    spill: {from: small, to: large, when: {queue_ms: {gt: 1500}}}\n",
    1,
)
EASY = Judged(0.1)


def decided(
    read_text: Loader,
    *,
    queue_ms: float = 0.0,
    first_ms: Mapping[str, float] | None = None,
    states: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Decision:
    facts = Facts(headers or {}, frozenset({"chat"}), 10, load=Load({"small": queue_ms}, first_ms or {}))
    return decide(read_text(SPILLING), "auto", facts, EASY, states or {})


def test_a_busy_model_spills(read_text: Loader):
    """Over the limit the other target starts, the busy one follows in the plan, and the decision says why."""
    decision = decided(read_text, queue_ms=1501.0)
    assert (("large", "small"), "spill", "small") == (decision.targets, decision.reason, decision.spilled_from)
    assert ("small", "small") == (decision.wanted, decision.due)


def test_up_to_the_limit_it_waits(read_text: Loader):
    """A wait that is put up with changes nothing."""
    decision = decided(read_text, queue_ms=1500.0)
    assert ("small", "rule", None) == (decision.target, decision.reason, decision.spilled_from)


def test_waiting_is_better_than_a_slower_model(read_text: Loader):
    """When the other model has lately taken longer to begin than the queue, the request waits."""
    assert "small" == decided(read_text, queue_ms=2000.0, first_ms={"large": 2500.0}).target
    assert "large" == decided(read_text, queue_ms=2600.0, first_ms={"large": 2500.0}).target


@pytest.mark.parametrize("state", ["down", "missing", "loading", "shut"])
def test_nothing_spills_to_what_is_not_ready(read_text: Loader, state: str):
    """A model that is ill is no relief."""
    assert "small" == decided(read_text, queue_ms=9000.0, states={"large": state}).target


def test_private_data_waits(read_text: Loader):
    """A guard that keeps a request local keeps it from spilling, however long the queue."""
    decision = decided(read_text, queue_ms=60_000.0, headers={"x-data-class": "restricted"})
    assert (("small",), None) == (decision.targets, decision.spilled_from)


@pytest.mark.parametrize(
    ("spill", "problem"),
    [
        ("{from: smal, to: large, when: {queue_ms: {gt: 1}}}", "unknown model 'smal' (did you mean 'small'?)"),
        ("{from: small, to: larg, when: {queue_ms: {gt: 1}}}", "unknown model 'larg' (did you mean 'large'?)"),
        ("{from: small, to: small, when: {queue_ms: {gt: 1}}}", "'small' spills into itself"),
        (
            "{from: large, to: small, when: {queue_ms: {gt: 1}}}",
            "model 'large' has no queue that could be seen: only a llama.cpp model can spill",
        ),
    ],
)
def test_a_spill_that_cannot_work_is_refused(problems: Callable[..., list[str]], spill: str, problem: str):
    """Each mistake is named with its line."""
    text = SPILLING.replace("{from: small, to: large, when: {queue_ms: {gt: 1500}}}", spill)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "spill:" in line)
    assert f"{line}: {problem}" in problems(text)


def test_a_spill_from_where_nothing_goes_is_refused(problems: Callable[..., list[str]]):
    """A source that no rule of the policy chooses can never be too busy for it."""
    text = SPILLING.replace(
        "select: [{id: top, target: large}]",
        "select: [{id: top, target: large}]\n    spill: {from: small, to: large, when: {queue_ms: {gt: 1}}}",
    )
    assert "no rule of policy 'strict' ever sends a request to 'small'" in problems(text)[0]
