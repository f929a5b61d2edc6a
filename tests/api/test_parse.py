"""From JSON to a ChatRequest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.fields import DANGEROUS
from router.api.legacy import as_function_call
from router.api.parse import parse_chat
from router.api.schema import ChatBody
from router.chat import Chunk, Usage
from router.dispatch.merge import Choice
from router.errors import BadRequest, UnknownField

HELLO = [{"role": "user", "content": "Hello"}]
USAGE = Usage(1, 1)
CANARY = "canary-7f3a"

WRONG = {
    "temperature": (99, "temperature"),
    "top_p": ("high", "top_p"),
    "max_tokens": (-1, "max_tokens"),
    "max_completion_tokens": (10**9, "max_completion_tokens"),
    "n": (10**9, "n"),
    "stop": (["x"] * 10_000, "stop"),
    "seed": (1.5, "seed"),
    "stream": ("yes", "stream"),
    "logit_bias": ({"5": 1000}, "logit_bias"),
    "tool_choice": (CANARY, "tool_choice"),
    "response_format": ({"type": CANARY}, "response_format.type"),
    "messages": ([], "messages"),
    "model": (7, "model"),
}


def parse(**fields: object):
    body = {"model": "auto", "messages": HELLO} | fields
    return parse_chat(body, request_id="r", strict_fields=False)


@pytest.mark.parametrize("field", WRONG)
def test_row_7_a_wrong_value_names_its_field(field: str):
    """A wrong type or an out-of-range number is a 400 whose `param` is the field, and which repeats no value."""
    value, param = WRONG[field]
    with pytest.raises(BadRequest) as caught:
        parse(**{field: value})
    assert caught.value.param == param
    assert CANARY not in caught.value.message


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "wizard", "content": "x"}, "messages[0].role"),
        ({"role": "user", "content": None}, "messages[0]"),
        ({"role": "tool", "content": "x"}, "messages[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]},
         "messages[0].content[0]"),
    ],
)  # fmt: skip
def test_row_9_a_wrong_message_is_named_by_its_place(message: dict[str, object], param: str):
    """The path in `param` leads to the message that is wrong."""
    with pytest.raises(BadRequest) as caught:
        parse(messages=[message])
    assert caught.value.param == param


def test_row_9_too_many_messages_are_refused():
    """A conversation of 100,000 messages is a 400."""
    with pytest.raises(BadRequest) as caught:
        parse(messages=HELLO * 100_000)
    assert caught.value.param == "messages"


@pytest.mark.parametrize("name", sorted(DANGEROUS | {"aws_region_name", "Api_Base", "langfuse_host"}))
def test_row_8_a_dangerous_field_is_refused(name: str):
    """A field that could redirect the request or its key is a 400 that names it."""
    with pytest.raises(UnknownField) as caught:
        parse(**{name: "http://attacker.example"})
    assert caught.value.param == name


def test_unknown_fields_are_dropped_and_named():
    """What we do not know never reaches a target and is named in `x-shunt-ignored`."""
    request, ignored = parse(zebra=1, alpha={"x": 2})
    assert ignored == "alpha, zebra"
    assert request.params == {}


def test_strict_fields_refuses_the_unknown():
    """Under `strict_fields` an unknown field is a 400."""
    with pytest.raises(UnknownField):
        parse_chat({"model": "auto", "messages": HELLO, "zebra": 1}, request_id="r", strict_fields=True)


def test_messages_travel_unchanged():
    """Fields of a message that only a target understands are not lost."""
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "because",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    request, _ = parse(messages=[*HELLO, message])
    assert request.messages[1] == message


def test_functions_become_tools():
    """What came before tools is asked of every target as tools: functions, the choice, calls and results."""
    call = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    turns = [
        *HELLO,
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    request, ignored = parse(
        messages=turns, functions=[{"name": "weather", "parameters": {}}], function_call={"name": "weather"}
    )
    assert ignored == ""
    assert request.params == {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    }
    assert request.messages[1:] == (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    )
    assert parse(functions=[{"name": "f"}], function_call="none")[0].params["tool_choice"] == "none"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": [{"name": "f"}], "tools": [{"type": "function"}]}, "functions"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
        ({"function_call": {"name": "g"}}, "function_call"),
        ({"functions": [{}]}, "functions[0].name"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0]"),
    ],
)
def test_functions_that_make_no_sense_are_named(fields: dict[str, object], param: str):
    """Each is a 400 that leads to the place."""
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    assert caught.value.param == param


def test_a_client_of_functions_reads_one_call():
    """Calls come back as `function_call`, streamed or whole, and later ones are left out."""
    chunks = [
        Chunk({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}]}),
        Chunk({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}),
        Chunk({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}),
        Chunk({}, 0, "tool_calls"),
    ]  # fmt: skip
    choice = Choice()
    for chunk in chunks:
        choice.add(as_function_call(chunk))
    whole = choice.whole(0)
    assert whole["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert ("tool_calls" in whole["message"], whole["finish_reason"]) == (False, "function_call")
    assert as_function_call(USAGE) is USAGE


def test_an_unknown_stream_option_is_named():
    """It is dropped, and the client is told."""
    request, ignored = parse(stream=True, stream_options={"include_usage": True, "include_obfuscation": False}, zebra=1)
    assert (request.include_usage, ignored) == (True, "zebra, stream_options.include_obfuscation")


def test_both_limits_mean_the_same():
    """`max_tokens` and `max_completion_tokens` are one limit; the newer name wins."""
    assert parse(max_tokens=5)[0].max_tokens == 5
    assert parse(max_tokens=5, max_completion_tokens=7)[0].max_tokens == 7


def test_null_is_absent():
    """A parameter sent as null is not forwarded."""
    assert parse(temperature=None, stop=None)[0].params == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(ChatBody.model_fields)) | st.text(max_size=12), json_values, max_size=8))
def test_any_object_is_a_request_or_a_400(body: dict[str, object]):
    """No JSON object makes validation raise anything but a 400."""
    try:
        parse_chat(body, request_id="r", strict_fields=False)
    except BadRequest as error:
        assert error.param
