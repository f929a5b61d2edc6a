"""Sessions, splits, overrides and wishes: what keeps a conversation together, and what a request may ask for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.caller import Caller
from router.chat import ChatRequest
from router.config import Config, Price
from router.conversation import conversation_of
from router.errors import BadRequest, Forbidden, GuardRefused
from router.policy import decide
from router.policy.decision import Facts
from router.policy.facts import facts_of
from router.policy.overriding import overridden
from router.policy.session import DEFAULT_KEYS, key_of
from router.sessions import Sessions
from tests.policy.conftest import Loader
from tests.policy.files import MODELS, Judged

HARD, EASY = Judged(0.9), Judged(0.1)


def policy(select: str = "{id: learned, score: complexity, threshold: 0.5}", more: str = "") -> str:
    default = "      - {id: default, target: large}\n" if "score" in select else ""
    rules = f"policies:\n  auto:\n    select:\n      - {select}\n{default}"
    return MODELS + rules + "    on_failure: [large, small]\n" + more


def facts(**more: object) -> Facts:
    return replace(Facts(headers={}, needs=frozenset({"chat"}), prompt_tokens=10), **more)


def target(config: Config, judgement: Judged, **more: object) -> tuple[str, str]:
    decision = decide(config, "auto", facts(**more), judgement, {})
    return decision.target, decision.reason


def talk(*turns: str) -> ChatRequest:
    messages = [{"role": "system", "content": "Be brief."}]
    for turn in turns:
        messages += [{"role": "user", "content": turn}, {"role": "assistant", "content": "ok"}]
    return ChatRequest("auto", tuple(messages[:-1]), None, stream=False, include_usage=False, params={})


def judge(request: ChatRequest) -> Judged:
    return HARD if str(request.messages[-1]["content"]).startswith("hard") else EASY


def test_a_conversation_rises_and_does_not_fall(read_text: Loader):
    """Under rise_only an easy turn stays with the large model, and a hard one still moves up."""
    config = read_text(policy(more="    session: {mode: rise_only}\n"))
    assert ("large", "session") == target(config, EASY, past="large")
    assert ("large", "rule") == target(config, HARD, past="small")
    assert ("small", "rule") == target(config, EASY, past=None)


def test_a_pin_holds_both_ways(read_text: Loader):
    """Under pin the first turn's target answers, whatever the rules say later."""
    config = read_text(policy(more="    session: {mode: pin}\n"))
    assert ("small", "session") == target(config, HARD, past="small")
    assert ("large", "session") == target(config, EASY, past="large")


def test_a_pin_yields_to_guards_and_health(read_text: Loader):
    """A conversation that is pinned to a target that is barred or down is answered by another."""
    guard = "guards: [{id: privacy, when: {header: {x-secret: yes}}, allow_zone: [local]}]\n"
    config = read_text(policy(more="    session: {mode: pin}\n").replace("policies:", guard + "policies:"))
    assert ("small", "guard:privacy") == target(config, EASY, past="large", headers={"x-secret": "yes"})
    down = decide(config, "auto", facts(past="large"), EASY, {"large": "down"})
    assert ("small", "large_unavailable") == (down.target, down.reason)


def test_side_calls_are_no_turns(read_text: Loader):
    """A title is made where the rules say, wherever its conversation is."""
    config = read_text(policy(more="    session: {mode: pin}\n"))
    assert ("small", "rule") == target(config, EASY, past="large", side_call="title")


@pytest.mark.parametrize(("pct", "expected"), [(0, "large"), (50, "small"), (None, "small")])
def test_a_move_down_is_priced_against_the_cache(read_text: Loader, pct: int | None, expected: str):
    """A cheaper model that reads the conversation anew for more than the cache costs is worth it up to a limit."""
    limit = "" if pct is None else f", max_switch_spend_pct: {pct}"
    config = read_text(policy(more="    session: {mode: free" + limit + "}\n"))
    prices = {"large": Price(2e-6, 8e-6, 2e-7), "small": Price(1e-6, 2e-6)}
    assert expected == target(config, EASY, past="large", prices=prices)[0]
    assert "large" == target(config, HARD, past="small", prices=prices)[0]


@given(
    st.lists(st.sampled_from(["hard", "easy"]), min_size=1, max_size=6), st.sampled_from(["rise_only", "pin", "free"])
)
def test_replicas_agree(turns: list[str], mode: str):
    """A replica that remembers each turn and one that never saw the conversation send it to the same place."""
    config = _config(mode)
    remembering = Sessions()
    for count in range(1, len(turns) + 1):
        request = talk(*turns[:count])
        known = facts_of(request, {})
        both = [conversation_of(config, request, known, sessions, judge) for sessions in (remembering, Sessions())]
        decisions = [decide(config, "auto", replace(known, past=at.target), judge(request), {}) for at in both]
        assert decisions[0].target == decisions[1].target
        both[0].moved(decisions[0], remembering)


def _config(mode: str) -> Config:
    from router.condition import Always
    from router.config import ModelConfig
    from tests.policy.test_plan_properties import Policy, Rule, Session

    models = {name: ModelConfig(name, "openai", "cloud", frozenset({"chat"}), 0) for name in ("small", "large")}
    rule = Rule("learned", Always(), None, 0.5, "small", "large")
    session = Session(mode, DEFAULT_KEYS, 60.0)
    return Config(None, models, ("small", "large"), {"auto": Policy("auto", (rule,), (), session=session)}, "auto")


def test_a_session_header_comes_before_the_prefix():
    """Two conversations that begin alike are told apart by their session, and one that grows keeps its key."""
    first, second = facts_of(talk("a"), {}), facts_of(talk("a", "b"), {})
    assert key_of(None, first) == key_of(None, second) != ""
    keys = {key_of(None, replace(first, headers={name: "7"})) for name in DEFAULT_KEYS[:-1]}
    assert 4 == len(keys - {key_of(None, first)})


def test_memory_is_bounded_and_forgets():
    """The longest silent conversation goes first, and each one when its time is up."""
    now = 0.0
    sessions = Sessions(lambda: now, most=2)
    for name in "abc":
        sessions.put(name, "large", 10)
    assert (None, "large", 2) == (sessions.get("a"), sessions.get("c"), len(sessions))
    now = 11.0
    assert sessions.get("c") is None


def test_a_split_is_sticky_and_near_its_weights(read_text: Loader):
    """A conversation keeps its target, the shares come out, and a part that grows takes nobody back."""
    narrow = read_text(policy("{id: canary, split: {small: 90, large: 10}}"))
    wide = read_text(policy("{id: canary, split: {small: 50, large: 50}}"))
    drawn = []
    for number in range(2000):
        headers = {"x-session-id": str(number)}
        targets = [target(config, EASY, headers=headers)[0] for config in (narrow, narrow, wide)]
        assert targets[0] == targets[1]
        assert targets[0] == "small" or targets[2] == "large"
        drawn.append(targets[0])
    assert 140 < drawn.count("large") < 260


def test_a_rule_changes_what_it_sends(read_text: Loader):
    """Instructions come first, sampling is replaced, and a cap never allows more than the client asked for."""
    written = "{system_prefix: Be kind., temperature: 0, max_tokens: 50, reasoning_effort: low}"
    config = read_text(policy("{id: kind, target: small, overrides: " + written + "}"))
    decision = decide(config, "auto", facts(), EASY, {})
    sent = overridden(talk("hi"), decision.overrides)
    assert {"role": "system", "content": "Be kind."} == sent.messages[0]
    assert (50, {"temperature": 0, "reasoning_effort": "low"}) == (sent.max_tokens, sent.params)
    assert 20 == overridden(replace(talk("hi"), max_tokens=20), decision.overrides).max_tokens
    assert "Be kind" not in repr(decision)


def test_added_instructions_count_for_the_window(read_text: Loader):
    """A prompt that fits only without the rule's instructions goes elsewhere."""
    guards = "guards: [{id: fits, when: always, require: [context]}]\npolicies:"
    written = "{id: long, target: small, overrides: {system_prefix: " + "x" * 300 + "}}"
    config = read_text(policy(written).replace("policies:", guards))
    assert ("large", "guard:fits") == target(config, EASY, prompt_tokens=2000)


def test_a_request_may_wish_for_a_target(read_text: Loader):
    """x-shunt-route names the target for one turn; guards still bind, and a stranger's name is refused."""
    config = read_text(policy())
    assert ("large", "asked") == target(config, EASY, headers={"x-shunt-route": "large"})
    with pytest.raises(BadRequest, match="small, large"):
        target(config, EASY, headers={"x-shunt-route": "other"})


def test_a_request_may_stay_in_a_zone(read_text: Loader):
    """x-shunt-zone bars every target elsewhere, on each hop."""
    config = read_text(policy())
    decision = decide(config, "auto", facts(headers={"x-shunt-zone": "local"}), HARD, {})
    assert (("small",), "guard:x-shunt-zone") == (decision.targets, decision.reason)
    with pytest.raises(GuardRefused, match="x-shunt-zone"):
        decide(config, "large", facts(headers={"x-shunt-zone": "local"}), HARD, {})


def test_a_request_may_limit_its_price(read_text: Loader):
    """x-shunt-max-usd bars what is expected to cost more, and what has no known price."""
    config = read_text(policy())
    assert "small" == target(config, HARD, headers={"x-shunt-max-usd": "1"})[0]
    prices = {"large": Price(1e-6, 1e-6)}
    assert "large" == target(config, HARD, headers={"x-shunt-max-usd": "1"}, prices=prices)[0]
    assert "small" == target(config, HARD, headers={"x-shunt-max-usd": "0.0001"}, prices=prices)[0]
    for wrong in ("-1", "nan", "much", "inf"):
        with pytest.raises(BadRequest, match="amount"):
            target(config, HARD, headers={"x-shunt-max-usd": wrong})


@pytest.mark.parametrize("header", ["x-shunt-route", "x-shunt-zone", "x-shunt-max-usd"])
def test_a_key_may_be_refused_a_wish(read_text: Loader, header: str):
    """A caller without the permission gets 403, never a request that is quietly treated like any other."""
    with pytest.raises(Forbidden, match=header):
        target(read_text(policy()), EASY, headers={header: "1"}, caller=Caller(may=frozenset()))
