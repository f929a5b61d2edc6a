"""The tests that live in the policy file, evaluated without calling any model."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from router.caller import Caller
from router.chat import ChatRequest
from router.config import Config, PolicyTest
from router.errors import RouterError
from router.policy.decision import Decision, Facts, Load
from router.policy.evidence import JudgementLike
from router.policy.facts import facts_of
from router.policy.plan import decide, needs_score


class ClassifierLike(Protocol):
    """What scores a prompt."""

    def judge(self, text: str) -> JudgementLike:
        """The judgement of the user's words."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """What one test gave; it passed when `failures` is empty. `error` is the code of a request that was refused."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest thinks of its name

    test: PolicyTest
    decision: Decision | None
    error: str | None
    failures: tuple[str, ...]

    @property
    def words(self) -> str:
        """The outcome in a few words: the error, or the target with its rule and score."""
        if self.decision is None:
            return self.error or ""
        score = "" if self.decision.score is None else f" {self.decision.score:.3f}"
        return f"{self.decision.target} by {self.decision.rule}{score}"

    @property
    def passed(self) -> bool:
        """True when everything that the test expects came out."""
        return not self.failures


def run_tests(config: Config, classifier: ClassifierLike) -> list[TestResult]:
    """Decide every test's prompt with all targets ready but those that the test names as down."""
    return [_run(config, classifier, test) for test in config.tests]


def _run(config: Config, classifier: ClassifierLike, test: PolicyTest) -> TestResult:
    asked = test.policy or config.default_policy
    states = {name: "down" if name in test.down else "ready" for name in config.models}
    judgement = classifier.judge(test.prompt) if needs_score(config, asked) else None
    try:
        decision = decide(config, asked, facts_of_test(test), judgement, states)
    except RouterError as error:
        return TestResult(test, None, error.code, tuple(_compare(test, {"error": error.code})))
    zones = {config.models[name].zone for name in decision.hops}
    actual = {
        "target": decision.target,
        "rule": decision.rule,
        "zone": ", ".join(sorted(zones)),
        "reason": decision.reason,
    }
    return TestResult(test, decision, None, tuple(_compare(test, actual)))


def facts_of_test(test: PolicyTest) -> Facts:
    """What a request like that of the test would be known by."""
    message = {"role": "user", "content": test.prompt}
    request = ChatRequest(test.policy or "", (message,), None, stream=False, include_usage=False, params={})
    facts = facts_of(request, test.headers)
    return replace(
        facts,
        needs=facts.needs | test.needs,
        prompt_tokens=facts.prompt_tokens if test.prompt_tokens is None else test.prompt_tokens,
        side_call=test.side_call or facts.side_call,
        load=Load(test.queue_ms),
        caller=Caller(test.caller),
        turns=test.turns or facts.turns,
        modalities=facts.modalities | test.modality,
        at=test.at,
        budget_used_pct=test.budget_used_pct,
        past=test.past,
        similarity=test.similar_to,
    )


def _compare(test: PolicyTest, actual: dict[str, str]) -> Iterable[str]:
    if "error" in actual and "error" not in test.expect:
        yield f"the request is refused: {actual['error']}"
        return
    for key, expected in test.expect.items():
        if actual.get(key) != expected:
            yield f"{key}: expected {expected}, got {actual.get(key, 'an answer')}"
