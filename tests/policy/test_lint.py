"""What a valid file can still get wrong."""

from collections.abc import Callable

import pytest

from tests.policy.conftest import Loader
from tests.policy.files import GUARDED, MODELS, SIMPLE

Problems = Callable[..., list[str]]

NEXT = "{id: default, target: large}"


def with_rules(*rules: str, guards: str = "", models: str = MODELS) -> str:
    lines = "".join(f"      - {rule}\n" for rule in rules)
    return f"{models}{guards}policies:\n  auto:\n    select:\n{lines}    on_failure: [large, small]\n"


def test_sound_files_pass(read_text: Loader):
    """The files that the other tests build on have nothing to refuse."""
    assert read_text(SIMPLE).default_policy == "auto"
    assert set(read_text(GUARDED).policies) == {"auto", "onsite", "strict"}


def test_the_first_policy_is_the_default_without_auto(read_text: Loader):
    """`auto` is the default policy; a file without one starts with its default."""
    assert read_text(SIMPLE.replace("auto:", "cheap:")).default_policy == "cheap"


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (
            (NEXT, "{id: late, when: {task: [code]}, target: small}"),
            "10: rule 'late' can never match: rule 'default' above it takes every such request",
        ),
        (
            ("{id: a, when: {task: [code]}, target: small}", "{id: b, when: {task: [code]}, target: large}", NEXT),
            "10: rule 'b' can never match: rule 'a' above it takes every such request",
        ),
        (
            ("{id: s, score: complexity, threshold: 0.5}", "{id: t, when: {task: [code]}, target: small}", NEXT),
            "10: rule 't' can never match: rule 's' above it takes every request that has a score",
        ),
        (
            ("{id: s, score: complexity, threshold: 0.5}", "{id: t, score: complexity, threshold: 0.9}"),
            "10: rule 't' can never match: rule 's' above it takes every request that has a score",
        ),
        (
            ("{id: n, when: {not: always}, target: small}", NEXT),
            "9: rule 'n' can never match: its condition holds for no request",
        ),
        (
            ("{id: n, when: {all: [{header: {a: b}}, {not: {any: [always, {header: {c: d}}]}}]}, target: small}", NEXT),
            "9: rule 'n' can never match: its condition holds for no request",
        ),
        (
            ("{id: n, when: {header: {a: b}}, target: large}", "{id: m, when: {task: [code]}, target: small}"),
            "10: policy 'auto' leaves some requests without a target: end with {id: …, target: …}",
        ),
        (
            ("{id: a, target: large, score: complexity, threshold: 0.5}",),
            "9: rule 'a' has both target and score: keep one",
        ),
        (("{id: a}",), "9: rule 'a' chooses nothing: write target, split, or score: complexity"),
        (("{id: a, score: complexity}",), "9: rule 'a' needs a threshold, a number from 0 to 1, or calibration: auto"),
        (("{id: a, target: large, below: small}",), "9: rule 'a' has below but no score: write score: complexity"),
        (
            ("{id: a, score: complexity, threshold: 0.5, below: large}",),
            "9: rule 'a' chooses between a model and itself: name two tiers, or below and above",
        ),
        (("{id: a, target: lagre}",), "9: unknown model 'lagre' (did you mean 'large'?)"),
        (("{id: a, score: complexity, threshold: 0.5, above: gib}",), "9: unknown model 'gib' (valid: large, small)"),
        (("{id: a, score: complex, threshold: 0.5}",), "9: unknown score 'complex' (did you mean 'complexity'?)"),
        (("{id: a, when: {}, target: large}",), "9: 'when': an empty condition: write always, or leave the key out"),
        (
            ("{id: a, when: {score: {gte: 0.6, lt: 0.2}}, target: large}", NEXT),
            "9: 'score': no score lies in this range",
        ),
        (
            ("{id: a, when: alwys, target: large}", NEXT),
            "9: 'when' must be always, or a mapping such as {task: [code]}",
        ),
        (("{id: default, when: {task: [code]}, target: small}", NEXT), "10: duplicate rule id 'default'"),
    ],
)
def test_rules_that_cannot_work_are_refused(problems: Problems, rules: tuple[str, ...], problem: str):
    """A rule that never matches, chooses nothing or leaves a gap is told with its line and the reason."""
    assert problem in problems(with_rules(*rules))


@pytest.mark.parametrize(
    "rules",
    [
        ("{id: s, score: complexity, threshold: 0.5}", NEXT),
        ("{id: s, score: complexity, threshold: 0.5}", "{id: h, when: {header: {a: b}}, target: small}", NEXT),
        ("{id: s, score: complexity, threshold: 0.5}",),
        (
            "{id: h, when: {header: {a: b}}, score: complexity, threshold: 0.9}",
            "{id: s, score: complexity, threshold: 0}",
        ),
        ("{id: h, when: {any: [{task: [code]}, {header: {a: b}}]}, target: small}", NEXT),
    ],
)
def test_rules_that_can_work_pass(read_text: Loader, rules: tuple[str, ...]):
    """What follows a score rule is for requests that the classifier could not score."""
    assert len(read_text(with_rules(*rules)).policies["auto"].select) == len(rules)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[small, large]\n", "[small, large, small]\n", "5: duplicate tier 'small'"),
        ("[small, large]\n", "[small, huge]\n", "5: unknown model 'huge' (valid: large, small)"),
        ("on_failure: [large, small]", "on_failure: [large, larg]", "17: unknown model 'larg' (did you mean 'large'?)"),
        ("on_failure: [large, small]", "on_failure: [large, large]", "17: duplicate target 'large'"),
        ("  strict:", "  small:", "20: 'small' names a policy and a model: rename one"),
        ("  strict:", "  direct:", "20: policy name 'direct' is reserved: rename this policy"),
        ('"gpt-*": auto', '"gpt-*": atuo', "6: unknown policy or model 'atuo' (did you mean 'auto'?)"),
        ('"gpt-*": auto', '"gpt-*": "gpt-4-mini"', "6: alias 'gpt-*' leads to another alias: name a policy or a model"),
        ('"gpt-*": auto', "small: large", "6: alias 'small' has the name of a policy or a model"),
        ('"gpt-*": auto', '"gpt-*": small', "6: alias 'gpt-4-mini' does nothing: 'gpt-*' leads to the same place"),
        ('"gpt-*": auto', '"g*t": auto', "6: 'g*t' is not a valid name (letters, digits, '.', '_' and '-')"),
        ("id: fits", "id: down", "9: guard id 'down' is reserved: rename this guard"),
        ("id: fits", "id: privacy", "9: duplicate guard id 'privacy'"),
        (", allow_zone: [local]", "", "8: guard 'privacy' does nothing: write allow_zone or require"),
        ("[local]", "[lokal]", "8: unknown zone 'lokal' (did you mean 'local'?)"),
        ("[local]}", "[local], on_empty: warn}", "8: unknown on_empty 'warn' (valid: reject)"),
        ("{x-data-class: restricted}}", "{x: y}, not: always}", "8: guard 'privacy' can never hold"),
        (
            "when: {header: {x-data-class: restricted}}",
            "when: always",
            "20: policy 'strict' can never use 'large': guard 'privacy' forbids its zone",
        ),
    ],
)
def test_names_and_guards_are_checked(problems: Problems, old: str, new: str, problem: str):
    """A name that leads nowhere, an entry without effect, a target that a guard always forbids: each has its line."""
    assert problem in problems(GUARDED.replace(old, new))


def test_a_tier_that_nothing_reaches_is_refused(problems: Problems):
    """A file whose large model no rule can choose is a router that can never escalate."""
    text = MODELS + "policies:\n  auto:\n    select: [{id: all, target: small}]\n"
    assert problems(text) == ["5: no rule of any policy can ever reach tier 'large'"]


def test_a_model_that_cannot_chat_is_no_target(problems: Problems):
    """An embedding model may be in the file, but nothing may route a chat to it."""
    models = MODELS.replace("context: 2048", "can: [embeddings]")
    assert "9: model 'small' cannot chat, so nothing can be routed to it" in problems(
        with_rules("{id: all, target: small}", models=models)
    )


def test_a_model_outside_the_tiers_is_fine(read_text: Loader):
    """A model that only clients ask for by name needs no rule."""
    text = SIMPLE.replace("tiers:", "  other: {backend: litellm, model: p/m}\ntiers:")
    assert "other" in read_text(text).models


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("{prompt: x, expect: {rule: lerned}}", "'auto' has no rule 'lerned' (did you mean 'learned'?)"),
        ("{prompt: x, model: small, expect: {rule: learned}}", "'small' has no rule 'learned' (valid: asked)"),
        ("{prompt: x, model: smal, expect: {target: small}}", "unknown policy or model 'smal' (did you mean 'small'?)"),
        ("{prompt: x, expect: {target: lrage}}", "unknown model 'lrage' (did you mean 'large'?)"),
        ("{prompt: x, expect: {zone: mars}}", "unknown zone 'mars' (valid: cloud, local)"),
        ("{prompt: x, down: [larg], expect: {target: small}}", "unknown model 'larg' (did you mean 'large'?)"),
        ("{prompt: x, expect: {}}", "this test expects nothing"),
        (
            "{prompt: x, expect: {error: guard_refused, target: small}}",
            "a request that is refused has no target, rule, zone or reason",
        ),
        ("{prompt: x, expect: {tagret: small}}", "unknown key 'tagret' (did you mean 'target'?)"),
        ("{expect: {target: small}}", "'prompt' is missing"),
    ],
)
def test_tests_that_name_nothing_are_refused(problems: Problems, test: str, problem: str):
    """A test that names an unknown rule, model or zone is a mistake in the file, not a failing test."""
    assert f"13: {problem}" in problems(f"{SIMPLE}tests:\n  - {test}\n")
