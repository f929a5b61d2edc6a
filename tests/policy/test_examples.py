"""The tests in a policy file: what they compare, and what they say when they fail."""

import pytest

from router.policy import run_tests
from tests.policy.conftest import Loader
from tests.policy.files import GUARDED, Judged


class Scripted:
    """Scores a prompt by its first word, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def judge(self, text: str) -> Judged:
        """`hard …` is hard, everything else easy."""
        self.asked.append(text)
        return Judged(0.9 if text.startswith("hard") else 0.1)


@pytest.mark.parametrize(
    ("test", "failures"),
    [
        ("{prompt: easy, expect: {target: small, rule: learned, reason: rule}}", ()),
        ("{prompt: hard, expect: {target: large}}", ()),
        ("{prompt: hard, expect: {target: small}}", ("target: expected small, got large",)),
        (
            "{prompt: hard, expect: {target: small, rule: easy}}",
            ("target: expected small, got large", "rule: expected easy, got learned"),
        ),
        ("{prompt: easy, expect: {zone: local}}", ("zone: expected local, got cloud, local",)),
        ("{prompt: hard, headers: {X-Data-Class: restricted}, expect: {zone: local}}", ()),
        ("{prompt: hard, down: [large], expect: {target: small, reason: large_unavailable}}", ()),
        ("{prompt: x, model: strict, down: [large], expect: {error: no_target_available}}", ()),
        (
            "{prompt: x, model: strict, down: [large], expect: {target: large}}",
            ("the request is refused: no_target_available",),
        ),
        ("{prompt: easy, expect: {error: guard_refused}}", ("error: expected guard_refused, got an answer",)),
        ("{prompt: easy, needs: [tools], expect: {target: large}}", ()),
        ("{prompt: easy, prompt_tokens: 4000, expect: {target: large}}", ()),
        ("{prompt: hard, model: gpt-5, expect: {target: large}}", ()),
    ],
)
def test_an_expectation_is_met_or_its_failure_is_told(read_text: Loader, test: str, failures: tuple[str, ...]):
    """Only what is expected is compared, and each difference is one sentence."""
    (result,) = run_tests(read_text(f"{GUARDED}tests:\n  - {test}\n"), Scripted())
    assert failures == result.failures
    assert result.passed == (not failures)


def test_only_prompts_that_need_a_score_are_scored(read_text: Loader):
    """A test that asks for a model by name costs no classification."""
    tests = "tests:\n  - {prompt: a, model: small, expect: {target: small}}\n  - {prompt: b, expect: {target: small}}\n"
    classifier = Scripted()
    run_tests(read_text(GUARDED + tests), classifier)
    assert classifier.asked == ["b"]


def test_a_result_can_be_shown_in_one_line(read_text: Loader):
    """Target, rule and score; for a refusal its code."""
    tests = """\
tests:
  - {prompt: hard, expect: {target: large}}
  - {prompt: x, model: onsite, expect: {target: small}}
  - {prompt: x, model: strict, down: [large], expect: {error: no_target_available}}
"""
    words = [result.words for result in run_tests(read_text(GUARDED + tests), Scripted())]
    assert words == ["large by learned 0.900", "small by here", "no_target_available"]
