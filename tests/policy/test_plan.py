"""The decision: rules, guards, health and names, one promise each."""

import pytest

from router.config import Config
from router.errors import (
    BadRequest,
    ContextLengthExceeded,
    GuardRefused,
    ModelNotFound,
    NoTargetAvailable,
    RouterError,
)
from router.policy import decide, needs_score, resolve_model
from router.policy.decision import Decision, Facts, Refusal
from tests.policy.conftest import Loader
from tests.policy.files import GUARDED, MODELS, Judged

EASY, HARD = Judged(0.1), Judged(0.9)
READY: dict[str, str] = {}


def facts(needs: str = "chat", tokens: int = 10, **more: object) -> Facts:
    return Facts(headers=more.pop("headers", {}), needs=frozenset(needs.split()), prompt_tokens=tokens, **more)


@pytest.fixture
def config(read_text: Loader) -> Config:
    """Two tiers, guards, three policies."""
    return read_text(GUARDED)


THREE = MODELS.replace("[small, large]", "[small, medium, large]").replace(
    "tiers:", "  medium: {backend: litellm, model: p/m, context: 4096, zone: eu}\ntiers:"
)
THREE += """\
guards:
  - {id: eu, when: {header: {x-zone: eu}}, allow_zone: [local, eu]}
  - {id: fits, when: always, require: [context, modality]}
policies:
  auto:
    select:
      - {id: learned, score: complexity, threshold: 0.5}
    on_failure: [large, medium, small]
  lower:
    select:
      - {id: two, score: complexity, threshold: 0.5, below: small, above: medium}
"""


def brief(decision: Decision) -> tuple[str, tuple[str, ...], str]:
    return decision.rule, decision.targets, decision.reason


@pytest.mark.parametrize(
    ("judgement", "headers", "expected"),
    [
        (EASY, {}, ("learned", ("small", "large"), "rule")),
        (HARD, {}, ("learned", ("large", "small"), "rule")),
        (Judged(0.5), {}, ("learned", ("large", "small"), "rule")),
        (Judged(0.9, "sentiment"), {}, ("easy", ("small", "large"), "rule")),
        (HARD, {"x-shunt-route": "small"}, ("asked-small", ("small", "large"), "rule")),
    ],
)
def test_the_first_rule_that_matches_chooses(
    config: Config, judgement: Judged, headers: dict[str, str], expected: tuple[object, ...]
):
    """Rules are tried in order, a score at the threshold goes up, and on_failure follows the choice."""
    decision = decide(config, "auto", facts(headers=headers), judgement, READY)
    assert expected == brief(decision)
    assert (judgement.score, judgement.task) == (decision.score, decision.task)


def test_a_judgement_that_failed_goes_to_the_safe_target(config: Config):
    """Rules that need the classifier are passed over; the default decides, and the reason says so."""
    assert ("default", ("large", "small"), "classifier_failed") == brief(decide(config, "auto", facts(), None, READY))
    broken = Judged(float("nan"))
    assert ("default", ("large", "small"), "classifier_failed") == brief(decide(config, "auto", facts(), broken, READY))


def test_what_needs_no_judgement_does_not_miss_it(config: Config):
    """A request that a header decides never hears of the classifier."""
    asked = facts(headers={"x-shunt-route": "small"})
    assert ("asked-small", ("small", "large"), "rule") == brief(decide(config, "auto", asked, None, READY))


def test_without_a_default_the_safe_target_is_the_highest_named_tier(read_text: Loader):
    """A score rule that cannot be evaluated falls to the highest tier that its policy names, and to no other."""
    config = read_text(THREE)
    assert ("learned", "large") == brief_target(decide(config, "auto", facts(), None, READY))
    assert ("two", "medium") == brief_target(decide(config, "lower", facts(), None, READY))


def brief_target(decision: Decision) -> tuple[str, str]:
    return decision.rule, decision.target


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"large": "down"}, ("learned", ("small",), "large_unavailable")),
        ({"large": "missing"}, ("learned", ("small",), "large_unavailable")),
        ({"large": "loading"}, ("learned", ("small", "large"), "large_unavailable")),
        ({"small": "down"}, ("learned", ("large",), "rule")),
        ({"small": "missing"}, ("learned", ("large",), "small_unavailable")),
        ({"small": "loading", "large": "loading"}, ("learned", ("large", "small"), "rule")),
        ({"small": "ready", "large": "ready"}, ("learned", ("large", "small"), "rule")),
    ],
)
def test_health_moves_along_on_failure(config: Config, states: dict[str, str], expected: tuple[object, ...]):
    """A target that is down or missing is left out, one that is loading comes last, and the reason names it."""
    assert expected == brief(decide(config, "auto", facts(), HARD, states))


def test_a_missing_tier_is_told_on_every_answer(config: Config):
    """With no large model configured even an easy prompt's answer says so, and names what to set."""
    decision = decide(config, "auto", facts(), EASY, {"large": "missing"})
    assert ("learned", ("small",), "large_unavailable") == brief(decision)
    assert decision.refusals == (Refusal("large", "missing", "is missing"),)


def test_a_policy_that_never_names_the_missing_tier_does_not_mention_it(config: Config):
    """A policy that only uses the small model is whole without the large one."""
    assert ("here", ("small",), "rule") == brief(decide(config, "onsite", facts(), None, {"large": "missing"}))


@pytest.mark.parametrize(
    ("request_facts", "expected"),
    [
        (facts(tokens=2047), ("learned", ("small", "large"), "rule")),
        (facts(tokens=2048), ("learned", ("large",), "guard:fits")),
        (facts(tokens=9000, exact_tokens={"small": 100}), ("learned", ("small",), "rule")),
        (facts(tokens=100, exact_tokens={"small": 3000}), ("learned", ("large",), "guard:fits")),
        (facts(tokens=100, windows={"small": 64}), ("learned", ("large",), "guard:fits")),
        (facts(tokens=3000, windows={"small": 4096}), ("learned", ("small", "large"), "rule")),
        (facts("chat vision"), ("learned", ("large",), "guard:fits")),
        (facts("chat tools"), ("learned", ("large",), "guard:fits")),
        (facts("chat json"), ("learned", ("small", "large"), "rule")),
    ],
)
def test_a_request_moves_to_a_target_that_it_fits(config: Config, request_facts: Facts, expected: tuple[object, ...]):
    """Length (count and window the target's own, where it knows them), images and tools move a request, and bind its fallbacks."""
    decision = decide(config, "auto", request_facts, EASY, READY)
    assert expected == brief(decision)
    assert decision.wanted == "small"


def test_the_zone_binds_every_hop(config: Config):
    """A restricted request stays here, whatever the score, and its plan holds nothing else."""
    restricted = facts(headers={"x-data-class": "restricted"})
    decision = decide(config, "auto", restricted, HARD, READY)
    assert ("learned", ("small",), "guard:privacy") == brief(decision)
    assert decision.refusals == (Refusal("large", "privacy", "is in zone cloud"),)


def test_a_barred_target_gives_way_to_the_nearest_tier(read_text: Loader):
    """Up first, because the request must still be answered well; then down; never past the policy's own targets."""
    config = read_text(THREE)
    assert ("medium", "guard:fits") == moved(decide(config, "lower", facts(tokens=3000), EASY, READY))
    assert ("large", "guard:fits") == moved(decide(config, "auto", facts(tokens=5000), EASY, READY))
    eu = facts(headers={"x-zone": "eu"})
    assert ("medium", "guard:eu") == moved(decide(config, "auto", eu, HARD, READY))
    with pytest.raises(ContextLengthExceeded):
        decide(config, "lower", facts(tokens=5000), EASY, READY)


def moved(decision: Decision) -> tuple[str, str]:
    return decision.target, decision.reason


RESTRICTED = {"x-data-class": "restricted"}


@pytest.mark.parametrize(
    ("asked", "request_facts", "states", "error", "param", "words"),
    [
        ("auto", facts(tokens=9000), {}, ContextLengthExceeded, "messages", "maximum context length"),
        ("auto", facts(tokens=3000), {"large": "missing"}, ContextLengthExceeded, "messages", "2048 tokens, got 3000"),
        ("auto", facts(tokens=3000), {"large": "down"}, NoTargetAvailable, None, "large: is down"),
        ("auto", facts(tokens=3000, headers=RESTRICTED), {}, ContextLengthExceeded, "messages", "small: maximum"),
        ("auto", facts("chat audio"), {}, BadRequest, "messages", "large: cannot do audio"),
        ("auto", facts("chat vision"), {"large": "missing"}, BadRequest, "messages", "small: cannot do vision"),
        ("onsite", facts("chat tools"), {}, BadRequest, "tools", "small: cannot do tools"),
        ("strict", facts(headers=RESTRICTED), {}, GuardRefused, None, "Guard 'privacy'"),
        ("auto", facts("chat vision", headers=RESTRICTED), {}, GuardRefused, None, "small: cannot do vision"),
        ("auto", facts(headers=RESTRICTED), {"small": "down"}, NoTargetAvailable, None, "small: is down"),
        ("large", facts(headers=RESTRICTED), {}, GuardRefused, None, "Guard 'privacy'"),
        ("small", facts(tokens=3000), {}, ContextLengthExceeded, "messages", "2048"),
        ("small", facts(), {"small": "down"}, NoTargetAvailable, None, "small: is down"),
        ("auto", facts(), {"small": "down", "large": "down"}, NoTargetAvailable, None, "large: is down"),
        ("auto", facts(), {"small": "missing", "large": "missing"}, NoTargetAvailable, None, "large: is missing"),
        ("onsite", facts(), {"small": "down"}, NoTargetAvailable, None, "small: is down"),
    ],
)
def test_nothing_left_says_why(
    config: Config,
    asked: str,
    request_facts: Facts,
    states: dict[str, str],
    error: type[RouterError],
    param: str | None,
    words: str,
):
    """The error has the class of the cause: a length to cut, a guard by name, an ability, or a wait."""
    with pytest.raises(RouterError) as caught:
        decide(config, asked, request_facts, EASY, states)
    assert (error, param) == (type(caught.value), caught.value.param)
    assert words in caught.value.message


def test_waiting_is_advised_only_where_it_helps(config: Config):
    """A target that is down may come back; one that is not configured will not."""
    with pytest.raises(NoTargetAvailable) as down:
        decide(config, "large", facts(), None, {"large": "down"})
    with pytest.raises(NoTargetAvailable) as missing:
        decide(config, "large", facts(), None, {"large": "missing"})
    assert (5.0, None) == (down.value.retry_after_s, missing.value.retry_after_s)


def test_a_model_asked_for_by_name_has_no_other_target(config: Config):
    """`model: small` is that model or an error, and the decision says that it was asked for."""
    decision = decide(config, "small", facts(), None, READY)
    assert ("direct", "asked", "small", ("small",), "asked") == (
        decision.policy,
        decision.rule,
        decision.wanted,
        decision.targets,
        decision.reason,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auto", "auto"),
        ("small", "small"),
        ("gpt-4-mini", "small"),
        ("gpt-4-mini-2026", "auto"),
        ("gpt-", "auto"),
        ("claude-x", "onsite"),
    ],
)
def test_names_are_resolved(config: Config, name: str, expected: str):
    """A policy, a model, an exact alias, then the longest prefix."""
    assert resolve_model(config, name).name == expected


def test_the_longest_prefix_wins(read_text: Loader):
    """Of two aliases that fit, the more specific one counts, wherever it stands."""
    config = read_text(GUARDED.replace('"gpt-4-mini": small', '"gpt-4*": onsite, "*": strict'))
    names = {name: resolve_model(config, name).name for name in ("gpt-4o", "gpt-3", "llama")}
    assert names == {"gpt-4o": "onsite", "gpt-3": "auto", "llama": "strict"}


@pytest.mark.parametrize("name", ["", "gpt", "SMALL", "auto ", "sm\nall", "x" * 500])
def test_an_unknown_name_is_not_found(config: Config, name: str):
    """The error names the field and shows the name printable and short."""
    with pytest.raises(ModelNotFound) as caught:
        decide(config, name, facts(), None, READY)
    assert caught.value.param == "model"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_the_score_is_computed_only_where_it_is_used(read_text: Loader):
    """Models asked for by name and policies without score or task rules spare the classifier."""
    config = read_text(GUARDED)
    needed = {name: needs_score(config, name) for name in ("auto", "onsite", "strict", "small", "gpt-x")}
    assert needed == {"auto": True, "onsite": False, "strict": False, "small": False, "gpt-x": True}
    guarded = GUARDED.replace("{header: {x-data-class: restricted}}", "{task: [code]}")
    assert needs_score(read_text(guarded), "small")


def test_a_guard_that_cannot_be_evaluated_binds(read_text: Loader):
    """Not knowing whether a prompt is harmless is no permission to send it away."""
    config = read_text(GUARDED.replace("{header: {x-data-class: restricted}}", "{task: [extraction]}"))
    assert decide(config, "auto", facts(), None, READY).targets == ("small",)
    assert decide(config, "auto", facts(), Judged(0.9), READY).targets == ("large", "small")


def test_a_window_that_is_not_known_bars_nothing(read_text: Loader):
    """A local window that only the file knows is left to the engine."""
    config = read_text(GUARDED.replace(", context: 2048", ""))
    assert decide(config, "auto", facts(tokens=7000), EASY, READY).target == "small"
