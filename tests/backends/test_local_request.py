"""What a chat request becomes for the engine, and what its words become for the client: no engine is needed."""

from dataclasses import replace

import pytest

from router.backends.local_answer import Deltas
from router.backends.local_request import submit_of
from router.chat import ChatRequest, Chunk
from router.engine import wire
from router.errors import BadRequest


def _ask(text: str = "Hello", max_tokens: int | None = 16, **params) -> ChatRequest:
    settings = {"temperature": 0, "ignore_eos": True} | params
    return ChatRequest("small", ({"role": "user", "content": text},), max_tokens, True, True, settings)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"logit_bias": {"word": 1}}, "logit_bias"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": True}, "n"),
    ],
)
def test_what_the_engine_cannot_do_names_the_parameter(params: dict, param: str) -> None:
    """A parameter that cannot be honoured is refused by name before the engine sees it."""
    with pytest.raises(BadRequest) as caught:
        submit_of(_ask(**params), 1)
    assert caught.value.param == param


def test_what_the_router_adds_travels() -> None:
    """The caller, the adapter and the confidence marks of a request reach the engine."""
    command = submit_of(replace(_ask(), caller="KEY_ONE", adapter="finance", confidence_at=(8, 24)), 1)
    assert (command.caller, command.adapter, command.confidence_at) == ("KEY_ONE", "finance", [8, 24])


def test_defaults_are_openais() -> None:
    """Without parameters the engine samples at temperature 1 from the whole distribution."""
    request = ChatRequest("small", ({"role": "user", "content": "Hi"},), None, False, False, {})
    command = submit_of(request, 9)
    assert command == wire.Submit(9, messages=[{"role": "user", "content": "Hi"}])
    assert (command.sampling.temperature, command.sampling.top_p, command.n) == (1.0, 1.0, 1)


def test_a_models_own_defaults_stand_where_the_request_is_silent() -> None:
    """What a request says prevails over what its model is sampled with otherwise; null says nothing."""
    given = {"temperature": 0.6, "top_k": 20, "min_p": 0.1}
    request = ChatRequest(
        "small", ({"role": "user", "content": "Hi"},), None, False, False, {"top_k": 3, "min_p": None}
    )
    assert submit_of(request, 9, given).sampling == wire.Sampling(temperature=0.6, top_k=3, min_p=0.1)


def test_parameters_travel_by_name() -> None:
    """Each known parameter arrives; an unknown one has no way in."""
    command = submit_of(
        _ask(stop="END", seed=3, n=2, top_p=0, logit_bias={"5": -100}, logprobs=True, secret="x", tool_choice="none"), 1
    )
    assert command.stop == ["END"]
    assert (command.sampling.seed, command.n, command.top_logprobs) == (3, 2, 0)
    assert command.sampling.logit_bias == {5: -100.0}
    assert 0 < command.sampling.top_p < 1e-3
    assert command.tool_choice == "none"
    assert b"secret" not in wire.frame([command])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"type": "text"}, wire.ResponseFormat()),
        ({"type": "json_object"}, wire.ResponseFormat("json_object")),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
            wire.ResponseFormat("json_schema", {"type": "object"}),
        ),
    ],
)
def test_response_formats_travel(written: dict, expected: wire.ResponseFormat) -> None:
    """Each of OpenAI's formats is the engine's."""
    assert submit_of(_ask(response_format=written), 1).response_format == expected


def test_tools_travel() -> None:
    """Tools and the choice among them arrive unchanged."""
    tool = {"type": "function", "function": {"name": "look"}}
    choice = {"type": "function", "function": {"name": "look"}}
    command = submit_of(_ask(tools=[tool], tool_choice=choice, parallel_tool_calls=False), 1)
    assert (command.tools, command.tool_choice, command.parallel_tool_calls) == ([tool], choice, False)


def test_tool_calls_are_openais_deltas() -> None:
    """The first part of a call has its id, type and name, the others only arguments."""
    events = [
        wire.ToolDelta(1, 0, 0, "", "call_1", "look"),
        wire.ToolDelta(1, 0, 0, '{"a":'),
        wire.Finished(1, 0, "tool_calls"),
    ]
    first, second, last = Deltas().of(events)
    assert first.delta == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"index": 0, "function": {"arguments": "", "name": "look"}, "id": "call_1", "type": "function"}],
    }
    assert second.delta == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}
    assert (last.delta, last.finish_reason) == ({}, "tool_calls")


def test_empty_answer_still_has_a_role() -> None:
    """A choice that ends before any text is a whole message all the same."""
    first, last = Deltas().of([wire.Finished(1, 0, "stop")])
    assert first == Chunk({"role": "assistant", "content": ""})
    assert last == Chunk({}, 0, "stop")
