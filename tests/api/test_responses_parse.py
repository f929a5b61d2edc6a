"""Bodies of `/v1/responses` on their way in: a request for a target, or a 400 that names the field."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.api.responses.parse import read, translated
from router.api.responses.schema import ResponsesBody
from router.api.responses.tools import Toolbox
from router.chat import ChatRequest
from router.errors import BadRequest, UnknownField


def request(**body: object) -> tuple[ChatRequest, set[str]]:
    asked, ignored = read({"model": "auto", "input": "Hi", **body}, strict_fields=False)
    chat, dropped = translated(asked, asked.items, Toolbox(asked.body), request_id="r")
    return chat, {name for names in (ignored, dropped) for name in names.split(", ") if name}


def test_items_become_messages():
    """Calls belong to the turn that made them, what a tool showed follows it, and hidden reasoning goes nowhere."""
    chat, ignored = request(
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}, {"type": "input_image", "image_url": "https://x/y"}]},
            {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me "}, {"type": "refusal", "refusal": "see."}]},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "one"},
            {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "two"}, {"type": "input_image", "image_url": "data:x"}]},
        ],
    )  # fmt: skip
    calls = [
        {"id": at, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for at, name in (("1", "f"), ("2", "g"))
    ]
    assert (
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]},
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
    ) == chat.messages  # fmt: skip
    assert {"input.reasoning"} == ignored


def test_fields_have_their_counterparts():
    """What chat has, too, goes to the target under chat's name."""
    schema = {"type": "object"}
    chat, ignored = request(
        max_output_tokens=9, temperature=0.5, top_p=0.9, user="u", prompt_cache_key="k", top_logprobs=2, metadata={"a": "b"},
        reasoning={"effort": "low"}, text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}},
    )  # fmt: skip
    assert chat.max_tokens == 9
    assert {
        "temperature": 0.5, "top_p": 0.9, "user": "u", "prompt_cache_key": "k", "logprobs": True, "top_logprobs": 2,
        "reasoning_effort": "low", "verbosity": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}},
    } == chat.params  # fmt: skip
    assert ignored == set()


def test_tools_are_functions():
    """A namespace is flattened, what OpenAI would run is named, and of several only the allowed ones travel."""
    tools = [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]},
        {"type": "web_search"},
    ]
    chat, ignored = request(
        tools=tools,
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
    )
    assert [("g", "required")] == [
        (tool["function"]["name"], chat.params["tool_choice"]) for tool in chat.params["tools"]
    ]
    assert {"tools.web_search"} == ignored


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": None}, "input"),
        ({"input": [3]}, "input[0]"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "hologram"}]}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0].id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"api_base": "http://x"}, "api_base"),
    ],
)
def test_a_wrong_value_is_a_400_that_names_it(wrong: dict, param: str):
    """The message never repeats the value."""
    with pytest.raises(BadRequest) as caught:
        request(**wrong)
    assert caught.value.param == param


def test_strict_fields_refuse_what_is_not_known():
    """As for chat."""
    with pytest.raises(UnknownField):
        read({"model": "auto", "input": "Hi", "zebra": 1}, strict_fields=True)


# Drawn from a pool: to make nested values anew for each of 2,000 cases takes minutes.
TEXTS = ["", "user", "robot", "message", "function", "a" * 600, "https://x/y", "\ud800", "0"]
SCALARS = [None, True, False, -1, 0, 3, 1e400, 2.5, *TEXTS]
KINDS = [
    "message",
    "function_call",
    "function_call_output",
    "reasoning",
    "item_reference",
    "input_text",
    "input_image",
    7,
]
NAMES = [
    "type",
    "role",
    "content",
    "text",
    "image_url",
    "id",
    "call_id",
    "name",
    "arguments",
    "output",
    "format",
    "tools",
]
INNER = [[value] for value in SCALARS] + [{name: value} for name in NAMES for value in SCALARS]
JUNK = st.sampled_from([*SCALARS, [], {}, *INNER])


def some(kinds: list[object], value: st.SearchStrategy[object]) -> st.SearchStrategy[dict]:
    fields = st.dictionaries(st.sampled_from(NAMES), value, max_size=4)
    return st.builds(lambda kind, given: {"type": kind, **given}, st.sampled_from(kinds), fields)


PARTS = st.lists(some(KINDS, JUNK), max_size=2)
ITEMS = st.lists(some(KINDS, JUNK | PARTS), max_size=3)
TOOLS = st.lists(some(["function", "namespace", "web_search"], JUNK), max_size=2)
FIELDS = st.sampled_from([*sorted(ResponsesBody.model_fields), "zebra", "api_base"])


@settings(max_examples=500)
@given(ITEMS | st.sampled_from(TEXTS), st.dictionaries(FIELDS, JUNK | TOOLS, max_size=3))
def test_any_body_is_a_request_or_a_400(items: object, fields: dict):
    """Whatever is sent, each message that comes of it has the shape that every target knows."""
    try:
        chat, _ = request(**{"input": items, **fields})
    except BadRequest as error:
        assert error.param
        return
    for message in chat.messages:
        assert message["role"] in {"system", "developer", "user", "assistant", "tool"}
        assert isinstance(message["content"], str | list) or message.get("tool_calls")
