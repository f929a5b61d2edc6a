"""The official Anthropic SDK against a running router, with a local and a remote target behind it."""

import json
from collections.abc import AsyncIterator

import anthropic
import pytest
import pytest_asyncio

from tests.fakes import faults
from tests.fakes.large import Call, LargeServer
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}"}}
  large: {{backend: openai, base_url: "{large}", model: big-1, context: 100000, retries: 0}}
tiers: [small, large]
aliases: {{"claude-*": auto}}
guards: [{{id: fits, when: always, require: [context, tools]}}]
policies:
  auto: {{select: [{{id: all, target: large}}]}}
  tiny: {{select: [{{id: all, target: small}}]}}
"""
TARGETS = ["small", "large"]
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest_asyncio.fixture(loop_scope="module")
async def client(shunt: ShuntServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=shunt.root_url, api_key="unused", max_retries=0) as sdk:
        yield sdk


async def two_calls(call: Call) -> None:
    """Text and two tool calls, their pieces interleaved, streamed or whole."""
    pieces = [(0, "call_a", '{"city":'), (1, "call_b", '{"city": "Rome"}'), (0, None, ' "Oslo"}')]
    if not call.is_stream:
        calls = [
            {"id": one, "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
            for one, city in (("call_a", "Oslo"), ("call_b", "Rome"))
        ]
        message = {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        await faults.whole(json.dumps({"choices": [choice], "usage": call.usage(9)}).encode())(call)
        return
    await call.begin()
    await call.token("Let me see.")
    for index, name, arguments in pieces:
        said = {"id": name, "type": "function"} if name else {}
        function = {"name": "weather", "arguments": arguments} if name else {"arguments": arguments}
        await call.event(call.chunk({"tool_calls": [{"index": index, **said, "function": function}]}))
    await call.event(call.chunk({}, "tool_calls"))
    await call.connection.send_piece(b"data: [DONE]\n\n")
    await call.connection.end_pieces()


@pytest.mark.parametrize("target", TARGETS)
async def test_a_conversation_is_answered(client: anthropic.AsyncAnthropic, target: str):
    """System, both forms of content and the sampling are understood; a limit is kept and told."""
    answer = await client.messages.create(
        model=target,
        max_tokens=3,
        system=[{"type": "text", "text": "Be brief."}],
        messages=[*HELLO, {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]}, *HELLO],
        metadata={"user_id": "me"},
        extra_body={"temperature": 0, "top_k": 20},
    )
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", target)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 3)
    assert [block.type for block in answer.content] == ["text"]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_stream_is_put_together_by_the_sdk(client: anthropic.AsyncAnthropic, target: str):
    """The text that streams is the text of the final message, and the usage is the target's own."""
    async with client.messages.stream(
        model=target, max_tokens=6, messages=HELLO, extra_body={"temperature": 0}
    ) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()
    assert message.content[0].text == text
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 6)
    assert message.model == target


async def test_an_alias_takes_whatever_claude_is_asked_for(client: anthropic.AsyncAnthropic):
    """An application keeps its model name."""
    answer = await client.messages.create(model="claude-opus-5", max_tokens=5, messages=HELLO)
    assert answer.model == "large"


@pytest.mark.parametrize("is_stream", [True, False])
async def test_tools_are_called_and_answered(client: anthropic.AsyncAnthropic, large: LargeServer, is_stream: bool):
    """Parallel calls come back as blocks; their results reach the target as tool messages."""
    large.script.append(two_calls)
    asked = {"model": "auto", "max_tokens": 99, "tools": [WEATHER], "tool_choice": {"type": "auto"}}
    if is_stream:
        async with client.messages.stream(messages=HELLO, **asked) as stream:
            answer = await stream.get_final_message()
    else:
        answer = await client.messages.create(messages=HELLO, **asked)
    text, *uses = answer.content
    assert (text.text, answer.stop_reason) == ("Let me see.", "tool_use")
    assert [(use.id, use.name, use.input) for use in uses] == [
        ("call_a", "weather", {"city": "Oslo"}),
        ("call_b", "weather", {"city": "Rome"}),
    ]
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "Rain"} for use in uses]
    turns = [*HELLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    await client.messages.create(messages=turns, **asked)
    sent = large.received[-1].json
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "tool"]
    assert [message.get("tool_call_id") for message in sent["messages"][2:]] == ["call_a", "call_b"]
    assert sent["tools"][0]["function"]["parameters"] == WEATHER["input_schema"]


async def test_tokens_are_counted(client: anthropic.AsyncAnthropic):
    """The SDK's own call for it; tools and system count."""
    bare = await client.messages.count_tokens(model="small", messages=HELLO)
    more = await client.messages.count_tokens(model="small", messages=HELLO, system="Be brief.")
    assert 0 < bare.input_tokens < more.input_tokens


async def test_errors_are_the_sdks_own(client: anthropic.AsyncAnthropic, large: LargeServer):
    """Each raises the class that Anthropic's server would make it raise, with the request's id."""
    with pytest.raises(anthropic.NotFoundError) as unknown:
        await client.messages.create(model="nobody", max_tokens=5, messages=HELLO)
    assert unknown.value.request_id == unknown.value.body["request_id"]
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        await client.messages.create(
            model="small", max_tokens=5, messages=[{"role": "user", "content": "many words " * 200}]
        )
    large.script.append(faults.status(429))
    with pytest.raises(anthropic.RateLimitError):
        await client.messages.create(model="large", max_tokens=5, messages=HELLO)


async def test_a_broken_stream_raises(client: anthropic.AsyncAnthropic, large: LargeServer):
    """A truncated answer is an exception, never a message."""
    large.script.append(faults.truncate(after=2))
    with pytest.raises(anthropic.APIStatusError):
        async with client.messages.stream(model="large", max_tokens=9, messages=HELLO) as stream:
            await stream.get_final_message()


@pytest.mark.parametrize("is_stream", [True, False])
async def test_the_stop_sequence_is_named(client: anthropic.AsyncAnthropic, is_stream: bool):
    """Of an answer that one of them ended, the SDK's message says which one it was."""
    asked = {"model": "small", "max_tokens": 24, "messages": HELLO, "extra_body": {"temperature": 0}}
    text = (await client.messages.create(**asked)).content[0].text
    stop = text[len(text) // 2 :][:2]
    asked["stop_sequences"] = ["never said", stop]
    if is_stream:
        async with client.messages.stream(**asked) as stream:
            answer = await stream.get_final_message()
    else:
        answer = await client.messages.create(**asked)
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", stop)


async def test_models_are_listed(client: anthropic.AsyncAnthropic):
    """The SDK reads the list of policies and models, and one of them."""
    assert [model.id async for model in client.models.list()] == ["auto", "tiny", "small", "large"]
    assert (await client.models.retrieve("claude-opus-5")).display_name == "claude-opus-5"
