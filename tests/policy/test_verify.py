"""Which answers are checked: the uncertain band, and who may take over."""

from collections.abc import Callable, Mapping

import pytest

from router.policy import decide
from router.policy.decision import Decision, Facts, Load, Verification
from tests.policy.conftest import Loader
from tests.policy.files import GUARDED, Judged

VERIFY = "verify: {target: small, escalate_to: large, below: -1.2, hold_tokens: 16, max_added_ms: 900%s}"
TERMS = Verification("large", -1.2, 16, 900.0)


def text(band: str = ", band: {gte: 0.4, lt: 0.7}", more: str = "") -> str:
    return GUARDED.replace(
        "    on_failure: [large, small]\n", f"    on_failure: [large, small]\n    {VERIFY % band}\n{more}", 1
    )


def decided(
    read_text: Loader,
    score: float | None,
    written: str = "",
    *,
    states: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    needs: frozenset[str] = frozenset({"chat"}),
    queue_ms: float = 0.0,
) -> Decision:
    facts = Facts(headers or {}, needs, 10, load=Load({"small": queue_ms}))
    judgement = None if score is None else Judged(score)
    return decide(read_text(written or text()), "auto", facts, judgement, states or {})


@pytest.mark.parametrize(("score", "reason"), [(0.4, "rule"), (0.45, "rule"), (0.5, "verify"), (0.69, "verify")])
def test_the_uncertain_band_starts_small(read_text: Loader, score: float, reason: str):
    """On both sides of the threshold the small model begins, and the large one takes over when need be."""
    decision = decided(read_text, score)
    assert (("small", "large"), reason, TERMS) == (decision.targets, decision.reason, decision.verification)
    assert "small" == decision.due


@pytest.mark.parametrize(("score", "target"), [(0.39, "small"), (0.7, "large"), (None, "large")])
def test_what_is_certain_is_not_checked(read_text: Loader, score: float | None, target: str):
    """Outside the band, and without a score, the rule's choice stands."""
    decision = decided(read_text, score)
    assert (target, None) == (decision.target, decision.verification)


def test_without_a_band_every_small_answer_is_checked(read_text: Loader):
    """And what goes to the large model is left to it."""
    assert TERMS == decided(read_text, 0.1, text("")).verification
    decision = decided(read_text, 0.6, text(""))
    assert ("large", None) == (decision.target, decision.verification)


def test_the_rules_abstain_band_is_the_band(read_text: Loader):
    """What a rule holds for too close to call is what is checked."""
    rule = "{id: learned, score: complexity, threshold: 0.5}"
    written = text("").replace(rule, rule[:-1] + ", abstain: {band: 0.1, target: large}}", 1)
    assert ("small", "verify", TERMS) == (
        (decision := decided(read_text, 0.45, written)).target,
        decision.reason,
        decision.verification,
    )
    assert ("small", None) == ((decision := decided(read_text, 0.1, written)).target, decision.verification)


def test_whoever_asks_for_the_large_model_gets_it(read_text: Loader):
    """A rule that names its target is not second-guessed, in the band or not."""
    rule = "      - {id: asked-large, when: {header: {x-shunt-route: large}}, target: large}\n"
    written = text().replace("    select:\n", f"    select:\n{rule}", 1)
    decision = decided(read_text, 0.6, written, headers={"x-shunt-route": "large"})
    assert ("large", None) == (decision.target, decision.verification)


def test_private_data_is_not_escalated(read_text: Loader):
    """A guard that bars the large model bars the escalation: the small one answers, unchecked."""
    decision = decided(read_text, 0.6, headers={"x-data-class": "restricted"})
    assert (("small",), None) == (decision.targets, decision.verification)


def test_what_the_small_model_cannot_do_is_not_tried(read_text: Loader):
    """A guard that bars the small model leaves the large one."""
    decision = decided(read_text, 0.6, needs=frozenset({"chat", "tools"}))
    assert (("large",), None) == (decision.targets, decision.verification)


@pytest.mark.parametrize("states", [{"small": "loading"}, {"small": "shut"}, {"large": "down"}, {"large": "shut"}])
def test_both_have_to_be_well(read_text: Loader, states: Mapping[str, str]):
    """Nothing is checked by, or escalated to, a model that is not ready."""
    assert decided(read_text, 0.6, states=states).verification is None


def test_a_queue_that_uses_up_the_clients_time_is_not_joined(read_text: Loader):
    """A wait as long as `max_added_ms` leaves nothing to check in."""
    assert "large" == decided(read_text, 0.6, queue_ms=900.0).target
    assert "small" == decided(read_text, 0.6, queue_ms=899.0).target


def test_a_busy_model_spills_rather_than_checks(read_text: Loader):
    """Where spilling leads to where the request was going anyway, nothing is said of it."""
    spill = "    spill: {from: small, to: large, when: {queue_ms: {gt: 100}}}\n"
    decision = decided(read_text, 0.6, text(more=spill), queue_ms=200.0)
    assert ("large", "rule", None, None) == (
        decision.target, decision.reason, decision.spilled_from, decision.verification,
    )  # fmt: skip
    decision = decided(read_text, 0.45, text(more=spill), queue_ms=200.0)
    assert ("large", "spill", None) == (decision.target, decision.reason, decision.verification)


@pytest.mark.parametrize(
    ("verify", "problem"),
    [
        ("{target: smal, escalate_to: large, below: -1}", "unknown model 'smal' (did you mean 'small'?)"),
        ("{target: small, escalate_to: larg, below: -1}", "unknown model 'larg' (did you mean 'large'?)"),
        ("{target: small, escalate_to: small, below: -1}", "'small' escalates to itself"),
        (
            "{target: large, escalate_to: small, below: -1}",
            "model 'large' does not tell how confident it is: only a llama.cpp model can be verified",
        ),
    ],
)
def test_a_check_that_cannot_work_is_refused(problems: Callable[..., list[str]], verify: str, problem: str):
    """Each mistake is named with its line."""
    written = text("").replace(VERIFY % "", f"verify: {verify}")
    line = next(number for number, line in enumerate(written.splitlines(), 1) if "verify:" in line)
    assert f"{line}: {problem}" in problems(written)
