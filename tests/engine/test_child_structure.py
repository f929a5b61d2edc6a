"""JSON and tool calls from a real child with random weights: whatever it would like to say, it is valid."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.engine import wire
from tests.engine.driver import ChildDriver, failed, reasons, text, user

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 10}, "days": {"type": "integer"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}


@pytest.fixture(scope="module")
def child(tiny: Path) -> Iterator[ChildDriver]:
    """A child for the tiny model, shared by the tests of this file."""
    with ChildDriver(tiny, context=512) as driver:
        yield driver


def calls_of(events: list[wire.Event]) -> list[tuple[str, str]]:
    """Names and arguments of the tool calls, put together from their parts."""
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in events:
        if isinstance(event, wire.ToolDelta):
            names.setdefault(event.call, event.name or "")
            arguments[event.call] = arguments.get(event.call, "") + event.arguments
    return [(names[call], arguments[call]) for call in sorted(names)]


@pytest.mark.parametrize("seed", range(4))
def test_json_object_is_an_object(child, seed):
    """Under json_object a finished answer parses as a JSON object."""
    sampling = wire.Sampling(seed=seed, temperature=1.3)
    wanted = wire.ResponseFormat("json_object")
    events = child.ask(messages=user("go"), sampling=sampling, response_format=wanted, max_tokens=300)
    if reasons(events) == {0: "stop"}:
        assert isinstance(json.loads(text(events)), dict)


def test_a_schema_is_obeyed(child):
    """The answer has the schema's keys, types and values."""
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["good", "bad"]},
            "score": {"type": "integer", "minimum": 3, "maximum": 12},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
        },
        "required": ["mood", "score", "tags"],
        "additionalProperties": False,
    }
    for seed in range(5):
        events = child.ask(
            messages=user("go"),
            sampling=wire.Sampling(seed=seed),
            response_format=wire.ResponseFormat("json_schema", schema),
        )
        answer = json.loads(text(events))
        assert ["mood", "score", "tags"] == list(answer)
        assert answer["mood"] in ("good", "bad")
        assert 3 <= answer["score"] <= 12
        assert 1 <= len(answer["tags"]) <= 3


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "string", "pattern": "^a+$"}, "pattern"),
        ({"type": "object", "patternProperties": {"a": {}}}, "patternProperties"),
        ({"not": {"type": "string"}}, "not"),
        ({"$ref": "http://example.com/schema"}, "$ref"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "maximum"),
        (False, "false"),
    ],
)
def test_a_schema_that_cannot_be_compiled_names_the_keyword(child, schema, keyword):
    """What the grammar cannot promise is refused by the keyword's name, never ignored."""
    refusal = failed(child.ask(messages=user("go"), response_format=wire.ResponseFormat("json_schema", schema)))
    assert ("invalid_value", "response_format") == (refusal.code, refusal.param)
    assert f"'{keyword}'" in refusal.message


def test_an_endless_schema_is_refused(child):
    """A schema that only points at itself is refused and does not reach the sampler."""
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}}
    assert (
        "response_format"
        == failed(child.ask(messages=user("go"), response_format=wire.ResponseFormat("json_schema", loop))).param
    )


def test_a_required_call_comes_with_valid_arguments(child):
    """Under `required` the answer is calls of the given functions with arguments of their schemas."""
    events = child.ask(
        messages=user("weather?"), tools=[WEATHER, TIME], tool_choice="required", sampling=wire.Sampling(seed=3),
        parallel_tool_calls=False,
    )  # fmt: skip
    assert "" == text(events)
    assert {0: "tool_calls"} == reasons(events)
    [(name, arguments)] = calls_of(events)
    assert name in ("get_weather", "get_time")
    assert json.loads(arguments).keys() <= {"city", "days"}


def test_a_named_function_is_called(child):
    """A named choice is that function."""
    choice = {"type": "function", "function": {"name": "get_time"}}
    seeded = wire.Sampling(seed=1)
    events = child.ask(messages=user("time?"), tools=[WEATHER, TIME], tool_choice=choice, sampling=seeded)
    assert [("get_time", {})] == [(name, json.loads(arguments)) for name, arguments in calls_of(events)]


def test_auto_may_answer_in_words(child):
    """Under `auto` a model that does not begin a call writes freely, and `none` leaves the tools out of the prompt."""
    greedy = wire.Sampling(temperature=0)
    events = child.ask(messages=user("hi"), tools=[WEATHER], max_tokens=20, ignore_eos=True, sampling=greedy)
    assert {0: "length"} == reasons(events)
    assert [] == calls_of(events)
    none = child.ask(messages=user("hi"), tools=[WEATHER], tool_choice="none", max_tokens=1)
    assert none[-1].prompt_tokens < events[-1].prompt_tokens


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "retrieval"}]}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "always"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "response_format": wire.ResponseFormat("json_object")}, "response_format"),
    ],
)
def test_tools_that_cannot_be_used_are_refused(child, fields, param):
    """Wrong tools name the field."""
    assert param == failed(child.ask(messages=user("hi"), **fields)).param


def test_a_strict_function_needs_a_schema_that_compiles(child):
    """Strict arguments are refused by keyword; without strict any object is taken."""
    function = {"name": "f", "parameters": {"type": "string", "pattern": "a"}}
    strict = {"type": "function", "function": function | {"strict": True}}
    assert "'pattern'" in failed(child.ask(messages=user("hi"), tools=[strict], tool_choice="required")).message
    loose = child.ask(
        messages=user("hi"), tools=[{"type": "function", "function": function}], tool_choice="required", max_tokens=200
    )
    assert "f" == calls_of(loose)[0][0]
