"""With what an answer is compared: the largest model that might have given it."""

import pytest

from router.policy.baseline import largest_allowed
from router.policy.decision import Bar, Decision, Facts, Refusal
from router.policy.document import parse
from router.policy.loading import Source, compiled

FILE = """
version: 1
models:
  small: {backend: openai, base_url: "http://localhost:1/v1", model: s}
  middle: {backend: openai, base_url: "http://localhost:1/v1", model: m}
  large: {backend: openai, base_url: "http://localhost:1/v1", model: l}
tiers: [small, middle, large]
policies:
  auto: {select: [{id: all, target: small}], on_failure: [middle, large]}
  thrifty: {select: [{id: all, target: small}], on_failure: [middle]}
"""


CONFIG = compiled(parse(FILE.encode(), "shunt.yaml"), Source(None, {}, locked=False))


def baseline(policy: str = "auto", *refusals: tuple[str, str], barred: str | None = None) -> str:
    out = tuple(Refusal(target, guard, "") for target, guard in refusals)
    facts = Facts({}, frozenset(), 1, barred={} if barred is None else {barred: Bar("key", "")})
    decision = Decision(policy, "all", "small", ("small",), "rule", out)
    return largest_allowed(CONFIG, decision, facts, "small")


@pytest.mark.parametrize(
    ("expected", "policy", "refusals"),
    [
        ("large", "auto", []),
        ("middle", "thrifty", []),
        ("large", "direct", []),
        ("middle", "auto", [("large", "privacy")]),
        ("small", "auto", [("large", "privacy"), ("middle", "privacy")]),
        ("large", "auto", [("large", "down")]),
        ("large", "auto", [("large", "budget.all")]),
        ("middle", "auto", [("large", "missing")]),
    ],
)
def test_it_is_the_largest_that_was_allowed(expected: str, policy: str, refusals: list[tuple[str, str]]):
    """What a guard forbids was no alternative; what was down or beyond the budget was one."""
    assert baseline(policy, *refusals) == expected


def test_a_key_is_compared_with_what_it_may_have():
    """A model that the key may not have saves it nothing."""
    assert baseline(barred="large") == "middle"
