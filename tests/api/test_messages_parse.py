"""From Anthropic's bodies to the one internal request."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.api.messages.parse import parse_count, parse_messages
from router.api.messages.schema import MessagesBody
from router.backends.unheeded import unheeded
from router.chat import ChatRequest
from router.errors import BadRequest, UnknownField

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
WEATHER = {"name": "weather", "description": "Tells it.", "input_schema": {"type": "object", "properties": {}}}


def read(**body: object) -> tuple[ChatRequest, str]:
    body_of = {"model": "auto", "max_tokens": 8, "messages": [{"role": "user", "content": "Hi"}], **body}
    request, ignored, _ = parse_messages(body_of, request_id="req_1", strict_fields=False)
    return request, ignored


def turns(*messages: dict) -> list:
    return list(read(messages=list(messages))[0].messages)


def test_sampling_has_its_internal_names():
    """What both APIs know is the same under either name."""
    request, ignored = read(temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["a"], metadata={"user_id": "me"})
    assert (request.max_tokens, request.stream, ignored) == (8, False, "")
    assert request.params == {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop": ["a"], "user": "me"}


def test_a_long_user_becomes_a_digest_that_every_target_takes():
    """OpenAI refuses a `user` of more than 64 characters, and Claude Code's are longer."""
    request, _ = read(metadata={"user_id": "u" * 100})
    assert request.params == {"user": hashlib.sha256(b"u" * 100).hexdigest()}


@pytest.mark.parametrize(
    "system", ["Be brief.", [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]]
)
def test_the_system_prompt_is_the_first_message(system: object):
    """As a string or as blocks."""
    assert read(system=system)[0].messages[0] == {"role": "system", "content": "Be brief."}


def test_a_billing_line_is_taken_off_and_named():
    """It changes with every run, so that no prompt cache would ever be of use."""
    line = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=abc"}
    request, ignored = read(system=[line, {"type": "text", "text": "You are kind."}])
    assert request.messages[0] == {"role": "system", "content": "You are kind."}
    assert ignored == "system.x-anthropic-billing-header"


def test_a_system_turn_stays_where_it_is():
    """Newer agents put instructions between the turns."""
    said = turns({"role": "user", "content": "Hi"}, {"role": "system", "content": "Be kind."})
    assert said == [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be kind."}]


def test_text_and_images_are_parts():
    """One text is a string, as most servers like it; an image makes parts."""
    text = {"type": "text", "text": "What is it?"}
    assert turns({"role": "user", "content": [text]}) == [{"role": "user", "content": "What is it?"}]
    assert turns({"role": "user", "content": [PNG, text]}) == [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, text]}
    ]


def test_tool_use_and_its_result_are_a_call_and_a_tool_message():
    """Results come straight after the call, what else the user says after them, images of a result too."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Rain"}, PNG]}
    said = turns(
        {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, use]},
        {"role": "user", "content": [{"type": "text", "text": "Well?"}, result]},
    )
    call = {"id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert said == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"},
        {"role": "user", "content": [image, {"type": "text", "text": "Well?"}]},
    ]


def test_a_signed_thought_travels_beside_what_was_said():
    """Whoever answers may be the one who thought it; each target says whether it can read that."""
    thoughts = [{"type": "thinking", "thinking": "Hmm", "signature": "s"}, {"type": "redacted_thinking", "data": "xyz"}]
    request, ignored = read(messages=[{"role": "assistant", "content": [*thoughts, {"type": "text", "text": "Yes"}]}])
    assert request.messages == ({"role": "assistant", "content": "Yes", "thinking_blocks": thoughts},)
    assert ignored == ""
    assert unheeded(request, frozenset()) == {"content.thinking", "content.redacted_thinking"}
    assert unheeded(request, frozenset(), reads_thinking=True) == frozenset()


def test_a_thought_that_nobody_signed_is_dropped_by_name():
    """No provider takes it back, the one that thought it included."""
    thought = {"type": "thinking", "thinking": "Hmm", "signature": ""}
    request, ignored = read(messages=[{"role": "assistant", "content": [thought, {"type": "text", "text": "Yes"}]}])
    assert request.messages == ({"role": "assistant", "content": "Yes"},)
    assert ignored == "content.thinking"


def test_how_much_to_think_is_a_parameter():
    """It is on its way to the targets that know it; what Shunt does not know of it is named."""
    request, ignored = read(thinking={"type": "enabled", "budget_tokens": 2048, "display": "full"})
    assert request.params == {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    assert ignored == "thinking.display"
    assert read(thinking={"type": "disabled"})[0].params == {}


def test_whatever_has_no_counterpart_is_named():
    """Nothing that a client sends is silently ignored."""
    _, ignored = read(
        context_management={"edits": []},
        output_config={"effort": "high"},
        tools=[{"type": "web_search_20250305", "name": "web_search"}],
        system=[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    )
    named = "content.cache_control, context_management, output_config.effort, tools.web_search_20250305"
    assert ignored == named


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tools_and_the_choice_among_them(choice: dict, expected: object):
    """Each kind of choice has its counterpart."""
    request, ignored = read(tools=[WEATHER], tool_choice={**choice, "disable_parallel_tool_use": True})
    function = {"name": "weather", "description": "Tells it.", "parameters": WEATHER["input_schema"]}
    assert request.params == {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": expected,
        "parallel_tool_calls": False,
    }
    assert ignored == ""


def test_a_schema_for_the_answer_is_a_response_format():
    """Structured output is asked for under `output_config`."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    request, _ = read(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert request.params["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": [PNG]}]}, "messages[0].content"),
        ({"tool_choice": {"type": "tool", "name": "nobody"}, "tools": [WEATHER]}, "tool_choice"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"api_base": "http://x"}, "api_base"),
    ],
)
def test_a_wrong_value_is_a_400_that_names_it(wrong: dict, param: str):
    """The message never repeats the value."""
    with pytest.raises(BadRequest) as caught:
        read(**wrong)
    assert caught.value.param == param


def test_strict_fields_refuse_what_is_not_known():
    """As for chat."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "zebra": 1}
    assert parse_count(body, request_id="r", strict_fields=False)[1] == "zebra"
    with pytest.raises(UnknownField):
        parse_count(body, request_id="r", strict_fields=True)


FIELDS = ["type", "text", "source", "data", "url", "content", "name", "id", "input", "tool_use_id", "role", "title"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "user", "text", "a" * 70, "https://x/y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["text", "image", "document", "tool_use", "tool_result", "thinking", "base64", "url", "zebra"])
BLOCKS = st.recursive(
    st.fixed_dictionaries({"type": KINDS, "text": JSON, "source": JSON}),
    lambda inner: st.fixed_dictionaries(
        {"type": KINDS, "id": JSON, "name": JSON, "input": JSON, "tool_use_id": JSON},
        optional={"content": st.lists(inner, max_size=3) | JSON, "text": JSON, "cache_control": JSON},
    ),
    max_leaves=5,
)
TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": st.lists(BLOCKS, max_size=3) | st.text()}
)
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(TURNS, min_size=1, max_size=3)},
    optional={name: JSON for name in (*MessagesBody.model_fields, "zebra", "cache_control") if name != "messages"},
)


@settings(max_examples=100)
@given(BODIES)
def test_any_body_is_a_request_or_a_400(body: dict):
    """Whatever is sent, each message that comes of it has the shape that every target knows."""
    try:
        request, _ = read(**body)
    except BadRequest:
        return
    for message in request.messages:
        assert message["role"] in {"system", "user", "assistant", "tool"}
        assert isinstance(message["content"], str | list) or message.get("tool_calls")
