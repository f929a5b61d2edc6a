"""What a file may say and seldom means, and rules that are covered by wider ones."""

import pytest
from hypothesis import given

from router.condition import Condition
from router.policy.decision import Facts
from router.policy.implication import implies
from router.policy.truth import holds
from tests.policy.conftest import Loader
from tests.policy.files import MODELS, Judged
from tests.policy.test_conditions import conditions, judgements, requests

RULES = "policies:\n  auto:\n    select: [{id: s, score: complexity, threshold: 0.5}, {id: d, target: large}]\n"
SMALL = "policies:\n  auto:\n    select: [{id: d, target: small}]\n  big:\n    select: [{id: d, target: large}]\n"


@given(conditions, conditions, requests, judgements)
def test_what_is_implied_holds(one: Condition, other: Condition, request: Facts, judgement: Judged | None):
    """Whenever a condition holds, so does each that it implies: no rule is refused that a request could reach."""
    if implies(one, other) and holds(one, request, judgement) is True:
        assert holds(other, request, judgement) is True


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("task: [code, chat]", "task: [code]"),
        ("prompt_tokens: {gte: 10}", "prompt_tokens: {gt: 10, lt: 20}"),
        ("any: [{task: [code]}, {turns: {gt: 3}}]", "turns: {gt: 4}"),
        ("header: {x-a: [b, c]}", "all: [{header: {x-a: b}}, {has_tools: true}]"),
        ("pii: [email, iban]", "pii: [iban]"),
        ("score: {gte: 0.5}", "score: {gte: 0.6, lt: 0.7}"),
        ("queue_ms: {small: {gt: 5}}", "queue_ms: {small: {gt: 6}}"),
    ],
)
def test_a_rule_under_a_wider_one_is_refused(read_text: Loader, problems, wide: str, narrow: str):
    """Every request that the lower rule means has gone to the upper one; the other way round both have their use."""
    upper, lower = (
        f"{{id: upper, when: {{{wide}}}, target: small}}",
        f"{{id: lower, when: {{{narrow}}}, target: large}}",
    )
    text = MODELS + "policies:\n  auto:\n    select: [%s, %s, {id: d, target: large}]\n"
    assert ["8: rule 'lower' can never match: rule 'upper' above it takes every such request"] == problems(
        text % (upper, lower)
    )
    assert () == read_text(text % (lower, upper)).warnings


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            MODELS.replace("tiers:", "  spare: {backend: openai, base_url: http://x/v1, model: m}\ntiers:") + RULES,
            "5: nothing is ever routed to 'spare', only requests that name it: use it in a policy, or remove it",
        ),
        (MODELS + SMALL, "7: policy 'auto' can never use 'large', the largest tier"),
        (MODELS + 'aliases: {"gpt-*": auto, "gpt-9*": large}\n' + RULES, "aliases 'gpt-*' and 'gpt-9*' overlap"),
        (MODELS + 'aliases: {"la*": auto}\n' + RULES, "alias 'la*' does not apply to 'large', which is a name of its own"),
        (
            MODELS + "guards: [{id: g, when: {task: [code]}, allow_zone: [local]}]\n" + RULES
            + "  big:\n    select: [{id: d, target: large}]\n",
            "guard 'g' refuses every request that it binds under policy 'big'",
        ),
        (
            MODELS.replace("tiers:", "  other: {backend: llama.cpp, source: o.gguf}\ntiers:") + RULES
            + "    spill: {from: small, to: other, when: {queue_ms: {gt: 5}}}\n"
            + "    verify: {target: other, escalate_to: small, below: -1}\n",
            "goes back to it when its answer is checked",
        ),
    ],
    ids=["model", "tier", "overlap", "covered", "guard", "circle"],
)  # fmt: skip
def test_what_is_seldom_meant_is_said(read_text: Loader, text: str, warning: str):
    """The file is taken, and one sentence with its line and the cure says what it may lack."""
    found = read_text(text).warnings
    assert 1 == len(found), found
    assert "shunt.yaml:" in found[0]
    assert warning in found[0]


def test_a_plain_file_has_no_warnings(read_text: Loader):
    """What is usual is not warned of."""
    assert () == read_text(MODELS + RULES).warnings
