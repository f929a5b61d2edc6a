"""Which requests are the same, for whom, and which may not be asked for at all."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.cache.terms import Terms, terms_of
from router.caller import Caller
from router.chat import ChatRequest
from router.config import CacheTerms, Config, ModelConfig, Policy
from router.policy.decision import Decision, Verification
from router.policy.facts import facts_of

LARGE = ModelConfig("large", "openai", "cloud", frozenset({"chat"}), 8192, base_url="http://a/v1", model="l")
CONFIG = Config(None, {"large": LARGE}, ("large",), {"auto": Policy("auto", ())}, "auto")
DECISION = Decision("auto", "all", "large", ("large",), "rule", cache=CacheTerms(600.0))
SAID = ChatRequest("auto", ({"role": "user", "content": "hi"},), None, False, False, {"temperature": 0})
ALICE = Caller(key="alice")


def terms(request: ChatRequest = SAID, decision: Decision = DECISION, config: Config = CONFIG, **more) -> Terms | None:
    facts = replace(facts_of(request, more.pop("headers", {})), **{"caller": ALICE, **more})
    return terms_of(config, decision, request, facts)


def key(request: ChatRequest = SAID, decision: Decision = DECISION, config: Config = CONFIG, **more) -> str:
    found = terms(request, decision, config, **more)
    assert found is not None
    return found.key


@pytest.mark.parametrize(
    "other",
    [
        replace(SAID, stream=True, include_usage=True, request_id="another", caller="somebody"),
        replace(SAID, params={"temperature": 0.0, "user": "u", "metadata": {"a": 1}, "store": True, "n": 1}),
        replace(SAID, messages=({"content": "hi", "role": "user"},)),
        replace(SAID, model="gpt-4"),
    ],
)
def test_what_does_not_change_the_answer_does_not_count(other: ChatRequest):
    """Shape, order, names and defaults make no difference."""
    assert key() == key(other)


@pytest.mark.parametrize(
    "other",
    [
        replace(SAID, messages=({"role": "user", "content": "hi "},)),
        replace(SAID, messages=({"role": "system", "content": "hi"},)),
        replace(SAID, max_tokens=5),
        replace(SAID, params={"temperature": 0, "seed": 1}),
        replace(SAID, params={"temperature": 0, "tools": [{"type": "function"}]}),
        replace(SAID, params={"temperature": 0, "response_format": {"type": "json_object"}}),
    ],
)
def test_what_changes_the_answer_counts(other: ChatRequest):
    """Words, roles, length, every parameter of the model, and whose request it is."""
    assert key() != key(other)


def test_another_decision_is_another_key():
    """Where the request goes and how, and what stands behind a target's name."""
    two = replace(CONFIG, models={"large": LARGE, "small": replace(LARGE, name="small")})
    checked = replace(DECISION, verification=Verification("large", -1.0, 8, 100.0))
    others = [
        key(config=replace(CONFIG, models={"large": replace(LARGE, model="another")})),
        key(config=replace(CONFIG, models={"large": replace(LARGE, base_url="http://b/v1")})),
        key(config=two, decision=replace(DECISION, targets=("small",))),
        key(decision=replace(DECISION, rule="other")),
        key(decision=replace(DECISION, adapter="finance")),
        key(decision=checked),
    ]
    assert len({key(), *others}) == 1 + len(others)


def test_who_shares_answers():
    """Each key is by itself, whatever its name; tags are shared as a whole, and a key without tags shares with nobody."""
    by_tag, everybody = (replace(DECISION, cache=CacheTerms(600.0, scope)) for scope in ("tag", "global"))
    callers = [ALICE, Caller(key="bob"), Caller(key=""), Caller(), Caller(key="anybody"), Caller(key="tag")]
    assert len(callers) == len({key(caller=caller) for caller in callers})
    assert len(callers) == len({key(decision=by_tag, caller=caller) for caller in callers})
    assert 1 == len({key(decision=everybody, caller=caller) for caller in callers})
    tagged = [Caller(key=name, tags=frozenset({"a", "b"})) for name in ("alice", "bob")]
    assert 1 == len({key(decision=by_tag, caller=caller) for caller in tagged})
    assert key(decision=by_tag, caller=tagged[0]) != key(decision=by_tag, caller=Caller(tags=frozenset({"a"})))


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({}, False),
        ({"temperature": 0.1}, False),
        ({"temperature": 0}, True),
        ({"temperature": 1, "seed": 0}, True),
        ({"temperature": 0, "web_search_options": {}}, False),
    ],
)
def test_only_a_repeatable_request_is_asked_for(params: Mapping[str, object], asked: bool):
    """Temperature 0 or a seed, and nothing that is looked up on the way."""
    assert asked == (terms(replace(SAID, params=params)) is not None)


@pytest.mark.parametrize(
    ("header", "may_read"),
    [("", True), ("no-cache", False), ("max-age=0", False), ("Max-Age = 0, private", False), ("max-age=60", True)],
)
def test_the_client_is_heard(header: str, may_read: bool):
    """What it will not have from the cache is answered anew."""
    found = terms(headers={"cache-control": header})
    assert found is not None
    assert may_read == found.may_read
    assert None is terms(headers={"cache-control": f"{header}, No-Store"})
    assert None is terms(decision=replace(DECISION, cache=None))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), st.text(), json_values, json_values)
def test_two_keys_never_share(one: str, other: str, first: object, second: object):
    """Whatever is asked: another key, or another value of a parameter, is another answer."""
    mine = replace(SAID, params={"temperature": 0, "tools": first})
    assert (one == other) == (key(mine, caller=Caller(key=one)) == key(mine, caller=Caller(key=other)))
    if repr(first) != repr(second) and first != second:
        assert key(mine) != key(replace(mine, params={"temperature": 0, "tools": second}))
