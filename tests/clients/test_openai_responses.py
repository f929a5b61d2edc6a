"""The Responses API by the official OpenAI SDK, whose own models read every answer and event strictly."""

import json
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.fakes import faults
from tests.fakes.large import Call, LargeServer, answer, answer_tokens
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", can: [chat, json, tools]}}
  large: {{backend: openai, base_url: "{large}", model: big-1, context: 100000}}
tiers: [small, large]
aliases: {{"gpt-*": auto}}
policies:
  auto:
    select: [{{id: default, target: small}}]
    on_failure: [large]
"""
TARGETS = ["small", "large"]
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Bern", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
EVENT = TypeAdapter(ResponseStreamEvent)


def hear(large: LargeServer) -> list[list[dict]]:
    """The messages of the next request to the large model, once it has come."""
    heard: list[list[dict]] = []

    async def behave(call: Call) -> None:
        heard.append(call.body["messages"])
        await answer(call)

    large.script.append(behave)
    return heard


@pytest_asyncio.fixture(loop_scope="module")
async def client(shunt: ShuntServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=shunt.base_url, api_key="unused", max_retries=0) as sdk:
        yield sdk


@pytest.mark.parametrize("target", TARGETS)
async def test_an_answer_is_a_response(client: openai.AsyncOpenAI, target: str):
    """The whole object is as the SDK's own type wants it, cut by the limit and saying so; headers tell the route."""
    raw = await client.responses.with_raw_response.create(
        model=target, input="Hello", instructions="Be brief.", max_output_tokens=5, temperature=0, metadata={"a": "b"}
    )
    given = Response.model_validate(json.loads(raw.text), strict=True)
    assert ("incomplete", "max_output_tokens") == (given.status, given.incomplete_details.reason)
    assert (target, "Be brief.", {"a": "b"}) == (given.model, given.instructions, given.metadata)
    assert (5, given.usage.input_tokens + 5) == (given.usage.output_tokens, given.usage.total_tokens)
    assert given.output_text
    assert target == raw.headers["x-shunt-model"]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_stream_tells_the_same_answer(client: openai.AsyncOpenAI, target: str):
    """Every event is of the SDK's own types, numbered without gaps, and the last one holds what the pieces made."""
    async with await client.responses.create(
        model=target, input="Hello", max_output_tokens=5, temperature=0, stream=True
    ) as stream:
        events = [EVENT.validate_python(event.model_dump()) async for event in stream]
    assert list(range(len(events))) == [event.sequence_number for event in events]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    last = events[-1].response
    assert ("response.created", "response.incomplete") == (events[0].type, events[-1].type)
    assert "".join(deltas) == last.output_text
    whole = await client.responses.create(model=target, input="Hello", max_output_tokens=5, temperature=0)
    assert (whole.output_text, whole.usage.output_tokens) == (last.output_text, last.usage.output_tokens)


async def test_a_conversation_goes_on_from_its_last_answer(client: openai.AsyncOpenAI, large: LargeServer):
    """With `previous_response_id` the model is asked with everything before; without it, with nothing."""
    first = await client.responses.create(model="large", input="First?", instructions="Old.")
    second = await client.responses.create(model="large", input="Second?", previous_response_id=first.id)
    said = "".join(answer_tokens(12))
    heard = hear(large)
    third = await client.responses.create(
        model="large",
        input=[{"role": "user", "content": "Third?"}],
        previous_response_id=second.id,
        instructions="New.",
    )
    asked = [(message["role"], message["content"]) for message in heard[0]]
    assert [
        ("system", "New."), ("user", "First?"), ("assistant", said), ("user", "Second?"), ("assistant", said),
        ("user", "Third?"),
    ] == asked  # fmt: skip
    assert third.previous_response_id == second.id


async def test_an_answer_can_be_looked_at_and_forgotten(client: openai.AsyncOpenAI):
    """What was kept is the same response; its input is listed, and after `delete` it is unknown like any other id."""
    given = await client.responses.create(model="large", input="Keep me")
    assert given.model_dump() == (await client.responses.retrieve(given.id)).model_dump()
    items = await client.responses.input_items.list(given.id)
    assert [("user", "Keep me")] == [(item.role, item.content[0].text) for item in items.data]
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await client.responses.cancel(given.id)
    await client.responses.delete(given.id)
    with pytest.raises(openai.NotFoundError, match="is kept here"):
        await client.responses.retrieve(given.id)
    with pytest.raises(openai.NotFoundError) as refused:
        await client.responses.create(model="large", input="x", previous_response_id=given.id)
    assert "previous_response_id" == refused.value.param


async def test_what_is_not_stored_is_not_kept(client: openai.AsyncOpenAI):
    """`store: false` is kept to, and the answer says so."""
    given = await client.responses.create(model="large", input="Secret", store=False)
    assert given.store is False
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(given.id)


async def test_a_function_is_called_and_its_result_is_read(client: openai.AsyncOpenAI, large: LargeServer):
    """A local model's call comes with valid arguments; what the tool said goes to the large one with the call before it."""
    given = await client.responses.create(
        model="small", input="Weather?", tools=[WEATHER], tool_choice="required", temperature=0
    )
    [call] = [item for item in given.output if item.type == "function_call"][:1]
    assert ("get_weather", {"city"}) == (call.name, json.loads(call.arguments).keys())
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    heard = hear(large)
    await client.responses.create(model="large", input=[result], previous_response_id=given.id, tools=[WEATHER])
    roles = [message["role"] for message in heard[0]]
    assert ["user", "assistant", "tool"] == [role for at, role in enumerate(roles) if role not in roles[:at]]
    assert heard[0][-1]["tool_call_id"] == call.call_id


async def test_a_streamed_call_is_put_together(client: openai.AsyncOpenAI):
    """The SDK's accumulating stream ends with the call that its pieces made."""
    async with client.responses.stream(
        model="small", input="Weather?", tools=[WEATHER], tool_choice="required", temperature=0
    ) as stream:
        arguments = ""
        async for event in stream:
            if event.type == "response.function_call_arguments.delta" and event.output_index == 0:
                arguments += event.delta
        final = await stream.get_final_response()
    assert arguments == final.output[0].arguments
    assert json.loads(arguments).keys() == {"city"}


async def test_an_answer_has_the_shape_that_is_asked_for(client: openai.AsyncOpenAI):
    """`responses.parse` gets an instance of its own class from a local model."""

    class Mood(BaseModel):
        is_good: bool

    given = await client.responses.parse(model="small", input="How is it?", text_format=Mood, temperature=0)
    assert isinstance(given.output_parsed, Mood)


async def test_a_reference_stands_for_what_was_said(client: openai.AsyncOpenAI, large: LargeServer):
    """Some clients send ids of earlier items in place of the items; one that nobody knows is refused by name."""
    given = await client.responses.create(model="large", input="Say it")
    reference = {"type": "item_reference", "id": given.output[0].id}
    heard = hear(large)
    await client.responses.create(model="large", input=[reference, {"role": "user", "content": "Again"}])
    assert ["assistant", "user"] == [message["role"] for message in heard[0]]
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model="large", input=[{"type": "item_reference", "id": "msg_nobody"}])
    assert "input[0].id" == refused.value.param


async def test_a_broken_stream_ends_in_a_failure(client: openai.AsyncOpenAI, large: LargeServer):
    """One `response.failed` with the reason, no `completed`, and what came before it is not taken back."""
    large.script.append(faults.reset(after=3))
    kinds = []
    async with await client.responses.create(model="large", input="Hello", stream=True) as stream:
        async for event in stream:
            kinds.append(event.type)
            last = event
    assert "response.failed" == kinds[-1]
    assert ("failed", "server_error") == (last.response.status, last.response.error.code)
    assert "response.completed" not in kinds


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("temperature", 3, "temperature"),
        ("max_output_tokens", 0, "max_output_tokens"),
        ("background", True, "background"),
        ("input", [{"role": "robot", "content": "x"}], "input[0].role"),
        ("input", [{"type": "function_call_output", "output": "x"}], "input[0].call_id"),
        ("input", [{"role": "user", "content": [{"type": "input_image", "image_url": "file:///etc/passwd"}]}], None),
        ("text", {"format": {"type": "json_schema", "name": "x"}}, "text.format"),
        ("tool_choice", {"type": "function", "name": "nobody"}, "tool_choice"),
    ],
)
async def test_bad_input_is_refused_by_name(client: openai.AsyncOpenAI, field: str, value: object, param: str | None):
    """A 400 in OpenAI's shape that names the field."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(**{"model": "large", "input": "Hello", field: value})
    assert "invalid_request_error" == refused.value.type
    assert param is None or param == refused.value.param


async def test_what_an_agent_sends_is_answered(client: openai.AsyncOpenAI, large: LargeServer):
    """Codex's own tools, hidden reasoning and extras are dropped by name; functions in a namespace are not."""
    raw = await client.responses.with_raw_response.create(
        model="gpt-5.5",
        input=[
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be an agent."}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        ],
        tools=[
            {"type": "web_search"},
            {"type": "custom", "name": "apply_patch"},
            {"type": "namespace", "name": "mcp", "description": "More.", "tools": [WEATHER]},
        ],
        tool_choice="auto",
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        store=False,
        max_output_tokens=4,
        temperature=0,
        extra_body={"client_metadata": {"a": "b"}},
    )
    dropped = set(raw.headers["x-shunt-ignored"].split(", "))
    assert {
        "client_metadata", "include.reasoning.encrypted_content", "input.reasoning", "reasoning.summary",
        "tools.custom", "tools.web_search",
    } <= dropped  # fmt: skip
    Response.model_validate(json.loads(raw.text))
