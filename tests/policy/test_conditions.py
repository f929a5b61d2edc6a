"""Conditions: what each one says of a request, also when nothing is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.caller import Caller
from router.condition import (
    AllOf,
    Always,
    AnyOf,
    BudgetIs,
    CallerIs,
    ClientIs,
    Condition,
    ConfidenceIs,
    HasPii,
    HeaderIs,
    HealthIs,
    LanguageIs,
    Matches,
    Mentions,
    ModalityIs,
    ModelIs,
    NeedsIs,
    Not,
    PromptTokensIs,
    QueueIs,
    Range,
    ScoreIs,
    SideCallIs,
    SimilarTo,
    TaskIs,
    TurnsIs,
    Within,
)
from router.policy.conditions import compiled, needs_judgement, outcomes
from router.policy.decision import Facts
from router.policy.schema_conditions import ConditionTable
from router.policy.truth import holds
from router.policy.words import Words
from tests.policy.files import Judged


def facts(headers: dict[str, str] | None = None, side_call: str | None = None, **more: object) -> Facts:
    known = {"needs": frozenset({"chat"}), "prompt_tokens": 1, "words": Words(), "at": 0.0}
    return Facts(headers=headers or {}, side_call=side_call, **known | more)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"always": True}, Always()),
        ({"header": {"X-A": ["b", "c"]}}, HeaderIs("x-a", frozenset({"b", "c"}))),
        ({"header": {"x-a": "b"}}, HeaderIs("x-a", frozenset({"b"}))),
        ({"task": ["code"]}, TaskIs(frozenset({"code"}))),
        ({"score": {"gte": 0.2}}, ScoreIs(gte=0.2)),
        ({"score": {"lt": 0.2}}, ScoreIs(lt=0.2)),
        ({"side_call": ["title"]}, SideCallIs(frozenset({"title"}))),
        ({"any": ["always", {"task": ["code"]}]}, AnyOf((Always(), TaskIs(frozenset({"code"}))))),
        ({"caller": ["a"]}, CallerIs(frozenset({"a"}))),
        ({"model": ["auto", "gpt-*"]}, ModelIs(frozenset({"auto"}), ("gpt-",))),
        ({"language": ["de"]}, LanguageIs(frozenset({"de"}))),
        ({"confidence": {"lt": 0.5}}, ConfidenceIs(Range(gte=0.0, lt=0.5))),
        ({"prompt_tokens": {"gt": 5, "lte": 9}}, PromptTokensIs(Range(gt=5, lte=9))),
        ({"turns": {"gte": 2}}, TurnsIs(Range(gte=2))),
        ({"has_tools": True, "wants_json": False}, AllOf((NeedsIs("tools"), NeedsIs("json", wanted=False)))),
        ({"modality": ["image"]}, ModalityIs(frozenset({"image"}))),
        ({"client": ["curl"]}, ClientIs(frozenset({"curl"}))),
        ({"regex": ["a+"]}, Matches(("a+",), "all")),
        ({"keyword": {"any": ["a"], "in": "last"}}, Mentions(("a",), "last")),
        ({"pii": ["iban", "email", "iban"]}, HasPii(("iban", "email"))),
        (
            {"time": {"from": "22:00", "to": "06:00", "days": ["sat"], "tz": "UTC"}},
            Within(1320, 360, frozenset({5}), "UTC"),
        ),
        ({"time": {"tz": "UTC"}}, Within(0, 1440, frozenset(range(7)), "UTC")),
        ({"budget_used_pct": {"gte": 80}}, BudgetIs(Range(gte=80))),
        ({"queue_ms": {"a": {"gt": 1}}}, QueueIs("a", Range(gt=1))),
        ({"health": {"a": ["down"]}}, HealthIs("a", frozenset({"down"}))),
        ({"similar_to": {"refunds": {"gte": 0.6}}}, SimilarTo("refunds", Range(gte=0.6))),
        ({"not": "always"}, Not(Always())),
        (
            {"header": {"a": "b"}, "task": ["code"]},
            AllOf((HeaderIs("a", frozenset({"b"})), TaskIs(frozenset({"code"})))),
        ),
        ({"all": [{"not": {"score": {"gte": 0.5}}}]}, AllOf((Not(ScoreIs(gte=0.5)),))),
    ],
)
def test_written_conditions_mean_what_they_say(written: dict[str, object], expected: Condition):
    """Each written form has one meaning; several keys in one mapping must all hold."""
    assert expected == compiled(ConditionTable.model_validate(written))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Always(), (True, True)),
        (HeaderIs("a", frozenset({"b"})), (True, True)),
        (HeaderIs("a", frozenset({"B"})), (False, False)),
        (HeaderIs("missing", frozenset({"b"})), (False, False)),
        (SideCallIs(frozenset({"title"})), (True, True)),
        (SideCallIs(frozenset({"tags"})), (False, False)),
        (TaskIs(frozenset({"code", "chat"})), (True, None)),
        (TaskIs(frozenset({"sentiment"})), (False, None)),
        (ScoreIs(gte=0.5), (True, None)),
        (ScoreIs(lt=0.5), (False, None)),
        (ScoreIs(gte=0.4, lt=0.51), (True, None)),
        (Not(TaskIs(frozenset({"code"}))), (False, None)),
        (AnyOf((TaskIs(frozenset({"sentiment"})), Always())), (True, True)),
        (AllOf((TaskIs(frozenset({"code"})), Not(Always()))), (False, False)),
        (AllOf((TaskIs(frozenset({"code"})), Always())), (True, None)),
        (AnyOf((TaskIs(frozenset({"sentiment"})), Not(Always()))), (False, None)),
    ],
)
def test_a_condition_holds_or_is_unknown(condition: Condition, expected: tuple[bool | None, bool | None]):
    """Without a judgement a condition that depends on it is unknown, unless the rest decides it."""
    request = facts({"a": "b"}, "title")
    assert expected == (holds(condition, request, Judged(0.5, "code")), holds(condition, request, None))


leaves = st.sampled_from(
    [
        Always(),
        HeaderIs("a", frozenset({"1"})),
        HeaderIs("b", frozenset({"1", "2"})),
        CallerIs(frozenset({"team"})),
        ModelIs(frozenset({"auto"}), ("x-",)),
        TaskIs(frozenset({"code"})),
        LanguageIs(frozenset({"de", "unknown"})),
        ScoreIs(gte=0.3, lt=0.7),
        ConfidenceIs(Range(lt=0.5)),
        PromptTokensIs(Range(gt=9)),
        TurnsIs(Range(lte=1)),
        NeedsIs("tools"),
        NeedsIs("json", wanted=False),
        ModalityIs(frozenset({"image"})),
        SideCallIs(frozenset({"title"})),
        ClientIs(frozenset({"curl"})),
        Matches(("secret-[0-9]+",), "user"),
        Mentions(("geheim",)),
        HasPii(("email", "iban")),
        Within(8 * 60, 18 * 60, frozenset(range(5)), "Europe/Zurich"),
        BudgetIs(Range(gte=80)),
        QueueIs("a", Range(gt=5)),
        HealthIs("b", frozenset({"down", "shut"})),
        SimilarTo("refunds", Range(gte=0.6)),
        SimilarTo("refunds", Range(gte=0.2, lt=0.9)),
    ]
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(AnyOf),
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(AllOf),
    ),
    max_leaves=6,
)
said = st.sampled_from(["", "Wo ist der Bahnhof?", "secret-12 is geheim", "a@example.org", "DE89370400440532013000"])
traits = {
    "model": st.sampled_from(["auto", "x-1"]),
    "caller": st.sampled_from([Caller(), Caller(frozenset({"team"}))]),
    "client": st.sampled_from(["curl", "other"]),
    "modalities": st.frozensets(st.sampled_from(["image", "audio"])),
    "turns": st.integers(1, 3),
    "words": said.map(lambda text: Words([{"role": "user", "content": text}])),
    "at": st.sampled_from([0.0, 1_780_000_000.0]),
    "similarity": st.sampled_from([{}, {"refunds": 0.5}, {"refunds": 0.7}]),
    "budget_used_pct": st.none() | st.sampled_from([10.0, 90.0]),
}
requests = st.builds(
    facts,
    st.dictionaries(st.sampled_from("ab"), st.sampled_from("123")),
    st.sampled_from([None, "title", "tags"]),
    **traits,
)
judgements = st.none() | st.builds(Judged, st.floats(0, 1), st.sampled_from(["code", "chat"]))


@given(conditions, requests, judgements)
def test_what_holds_was_foreseen(condition: Condition, request: Facts, judgement: Judged | None):
    """No request has an outcome that the lint thought impossible, so no rule is refused that could match."""
    assert holds(condition, request, judgement) in outcomes(condition, judged=judgement is not None)


@given(conditions, requests, st.builds(Judged, st.floats(0, 1), st.sampled_from(["code", "chat"])))
def test_unknown_is_never_a_guess(condition: Condition, request: Facts, judgement: Judged):
    """What is already certain without the judgement does not change when it arrives."""
    before = holds(condition, request, None)
    assert before is None or before == holds(condition, request, judgement)


@given(conditions, requests, judgements)
def test_what_needs_no_judgement_does_not_depend_on_it(condition: Condition, request: Facts, judgement: Judged | None):
    """The classifier may be spared exactly where it could not change the truth."""
    if not needs_judgement(condition):
        assert holds(condition, request, judgement) == holds(condition, request, None)
