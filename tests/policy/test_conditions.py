"""Conditions: what each one says of a request, also when nothing is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import AllOf, Always, AnyOf, Condition, HeaderIs, Not, ScoreIs, SideCallIs, TaskIs
from router.policy.conditions import compiled, holds, needs_judgement, outcomes
from router.policy.decision import Facts
from router.policy.schema import ConditionTable
from tests.policy.files import Judged


def facts(headers: dict[str, str] | None = None, side_call: str | None = None) -> Facts:
    return Facts(headers=headers or {}, needs=frozenset({"chat"}), prompt_tokens=1, side_call=side_call)


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
        TaskIs(frozenset({"code"})),
        ScoreIs(gte=0.3, lt=0.7),
        SideCallIs(frozenset({"title"})),
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
requests = st.builds(
    facts,
    st.dictionaries(st.sampled_from("ab"), st.sampled_from("123")),
    st.sampled_from([None, "title", "tags"]),
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
def test_what_needs_no_judgement_is_always_known(condition: Condition, request: Facts, judgement: Judged | None):
    """The classifier may be spared exactly where it could not change the truth."""
    if not needs_judgement(condition):
        assert holds(condition, request, judgement) is not None
