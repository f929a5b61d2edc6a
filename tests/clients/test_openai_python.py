"""The official OpenAI SDK against a running router, with a local and a remote target behind it."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from tests.fakes.large import LargeServer
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", can: [chat, json, tools]}}
  large: {{backend: openai, base_url: "{large}", model: big-1, context: 100000}}
tiers: [small, large]
aliases: {{"gpt-*": auto}}
guards: [{{id: fits, when: always, require: [context, tools, modality, json]}}]
policies:
  auto:
    select:
      - {{id: asked-large, when: {{header: {{x-shunt-route: large}}}}, target: large}}
      - {{id: default, target: small}}
    on_failure: [large]
"""
TARGETS = ["small", "large"]
HELLO = [{"role": "user", "content": "Hello"}]
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": [{"type": "text", "text": "How are you?"}]},
]
WINDOW = 512


@pytest_asyncio.fixture(loop_scope="module")
async def client(shunt: ShuntServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=shunt.base_url, api_key="unused", max_retries=0) as sdk:
        yield sdk


@pytest.mark.parametrize("target", TARGETS)
async def test_a_conversation_is_answered(client: openai.AsyncOpenAI, target: str):
    """Every role and both forms of content are understood; usage adds up."""
    answer = await client.chat.completions.create(
        model=target, messages=TURNS, max_tokens=8, temperature=0.7, top_p=0.9, presence_penalty=0.1
    )
    assert answer.model == target
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens <= 8


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_is_kept_and_told(client: openai.AsyncOpenAI, target: str, limit: str):
    """An answer cut by either name of the limit says `length`."""
    answer = await client.chat.completions.create(model=target, messages=HELLO, temperature=0, **{limit: 3})
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 3)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("wants_usage", [True, False])
async def test_a_stream_has_openai_shape(client: openai.AsyncOpenAI, target: str, wants_usage: bool):
    """One id, one role, one finish reason, choices in every chunk, usage only on request and then last."""
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    stream = await client.chat.completions.create(
        model=target, messages=HELLO, max_tokens=6, temperature=0, stream=True, **options
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {target}
    assert [delta.delta.role for delta in deltas if delta.delta.role] == ["assistant"]
    assert deltas[0].delta.role == "assistant"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["length"]
    assert deltas[-1].finish_reason == "length"
    assert [chunk.usage is not None for chunk in chunks] == [False] * len(deltas) + [True] * wants_usage
    assert "".join(delta.delta.content or "" for delta in deltas)


async def test_a_seed_repeats_the_text(client: openai.AsyncOpenAI):
    """The same seed draws the same answer, and another seed another one."""

    async def draw(seed: int) -> str:
        answer = await client.chat.completions.create(model="small", messages=HELLO, seed=seed, max_tokens=24)
        return answer.choices[0].message.content

    assert await draw(7) == await draw(7)
    assert await draw(7) != await draw(8)


async def test_a_stop_string_ends_the_answer_and_is_not_in_it(client: openai.AsyncOpenAI):
    """What follows a stop string is never sent."""
    whole = await client.chat.completions.create(model="small", messages=HELLO, max_tokens=24, temperature=0)
    text = whole.choices[0].message.content
    stop = text[len(text) // 2 :][:2]
    cut = await client.chat.completions.create(model="small", messages=HELLO, max_tokens=24, temperature=0, stop=[stop])
    assert cut.choices[0].message.content == text[: text.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


async def test_a_limit_beyond_the_window_is_clamped(client: openai.AsyncOpenAI):
    """Agents ask for 32,000 tokens of everything; the small model gives what it has."""
    answer = await client.chat.completions.create(model="small", messages=HELLO, max_tokens=32_000)
    assert answer.usage.total_tokens <= WINDOW
    assert answer.choices[0].finish_reason in {"length", "stop"}


async def test_a_prompt_beyond_the_window_takes_the_larger_one(client: openai.AsyncOpenAI):
    """A policy moves a prompt that does not fit to a model that holds it."""
    long = [{"role": "user", "content": "many words " * 200}]
    answer = await client.chat.completions.create(model="auto", messages=long)
    assert answer.model == "large"


async def test_a_prompt_beyond_the_only_window_is_refused(client: openai.AsyncOpenAI):
    """Asked for by name, the small model refuses what it cannot hold, in OpenAI's words."""
    long = [{"role": "user", "content": "many words " * 200}]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="small", messages=long)
    assert caught.value.code == "context_length_exceeded"


async def test_a_stop_list_and_penalties_reach_the_large_model(client: openai.AsyncOpenAI, large: LargeServer):
    """What the client asks for is what the target is asked for, under its own model name."""
    await client.chat.completions.create(
        model="large", messages=HELLO, stop=["a", "b"], seed=3, frequency_penalty=0.5, max_tokens=5
    )
    sent = large.received[-1].json
    assert sent["model"] == "big-1"
    assert sent["messages"] == HELLO
    assert (sent["stop"], sent["seed"], sent["frequency_penalty"], sent["max_tokens"]) == (["a", "b"], 3, 0.5, 5)


async def test_models_are_listed(client: openai.AsyncOpenAI):
    """The SDK reads the list of policies and models."""
    assert [model.id async for model in client.models.list()] == ["auto", "small", "large"]
    assert (await client.models.retrieve("gpt-4o")).id == "gpt-4o"


async def test_errors_are_the_sdks_own(client: openai.AsyncOpenAI):
    """An unknown model and a wrong value raise what OpenAI's server would make it raise."""
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.chat.completions.create(model="nobody", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        await client.chat.completions.create(model="small", messages=HELLO, temperature=9)
    assert wrong.value.param == "temperature"


async def test_what_a_target_ignores_is_named(client: openai.AsyncOpenAI):
    """The small model cannot think harder; the large one is asked to, and nothing is said."""
    asked = {"messages": HELLO, "max_tokens": 2, "reasoning_effort": "high", "extra_body": {"zebra": 1}}
    small = await client.chat.completions.with_raw_response.create(model="small", **asked)
    large = await client.chat.completions.with_raw_response.create(model="large", **asked)
    assert small.headers["x-shunt-ignored"] == "zebra, reasoning_effort"
    assert large.headers["x-shunt-ignored"] == "zebra"


@pytest.mark.parametrize("is_stream", [True, False])
async def test_functions_are_called_by_the_small_model(client: openai.AsyncOpenAI, is_stream: bool):
    """A client from before tools is answered by a model that knows only them, in the shape that it reads."""
    function = {"name": "weather", "parameters": {"type": "object", "properties": {"wet": {"type": "boolean"}}}}
    asked = {
        "model": "small", "messages": HELLO, "functions": [function], "function_call": {"name": "weather"},
        "temperature": 0, "max_tokens": 200,
    }  # fmt: skip
    if is_stream:
        chunks = [chunk async for chunk in await client.chat.completions.create(stream=True, **asked)]
        calls = [choice.delta.function_call for chunk in chunks for choice in chunk.choices]
        name = "".join(call.name or "" for call in calls if call)
        arguments = "".join(call.arguments or "" for call in calls if call)
    else:
        message = (await client.chat.completions.create(**asked)).choices[0].message
        assert message.tool_calls is None
        name, arguments = message.function_call.name, message.function_call.arguments
    assert name == "weather"
    assert arguments.startswith("{")


@pytest.mark.parametrize("target", TARGETS)
async def test_a_text_is_continued(client: openai.AsyncOpenAI, target: str):
    """The endpoint from before chat answers with every kind of model, each prompt `n` times, and echoes if asked to."""
    answer = await client.completions.create(
        model=target, prompt=["One", "Two"], n=2, max_tokens=3, echo=True, temperature=0
    )
    assert (answer.object, answer.model) == ("text_completion", target)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text[:3] for choice in answer.choices] == ["One", "One", "Two", "Two"]
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert answer.usage.completion_tokens == 12


@pytest.mark.parametrize("target", TARGETS)
async def test_a_continuation_streams(client: openai.AsyncOpenAI, target: str):
    """The pieces are the answer that comes whole; the usage is the last, if it was asked for."""
    asked = {"model": target, "prompt": "Hello", "max_tokens": 5, "temperature": 0}
    whole = await client.completions.create(**asked)
    stream = await client.completions.create(stream=True, stream_options={"include_usage": True}, **asked)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == whole.choices[0].text
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["length"]
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 5)


async def test_token_ids_and_their_log_probabilities(client: openai.AsyncOpenAI, large: LargeServer):
    """A local model continues its own token ids as it does their text, and tells how sure it was of each token."""
    tokenized = await client.post("/tokenize", body={"model": "small", "prompt": "Hello"}, cast_to=dict[str, object])
    assert tokenized["count"] == len(tokenized["tokens"]) > 0
    detokenized = await client.post(
        "/detokenize", body={"model": "small", "tokens": tokenized["tokens"]}, cast_to=dict[str, object]
    )
    assert detokenized["prompt"].endswith("Hello")
    asked = {"model": "small", "max_tokens": 4, "temperature": 0, "logprobs": 2}
    by_text = await client.completions.create(prompt="Hello", **asked)
    by_ids = await client.completions.create(prompt=tokenized["tokens"], **asked)
    assert by_text.choices[0].text == by_ids.choices[0].text
    told = by_ids.choices[0].logprobs
    assert len(told.tokens) == len(told.token_logprobs) == len(told.top_logprobs) == len(told.text_offset) == 4
    assert told.text_offset[1] == len(told.tokens[0])
    before = large.counts.requests
    with pytest.raises(openai.BadRequestError) as elsewhere:
        await client.completions.create(model="large", prompt=tokenized["tokens"])
    assert (elsewhere.value.param, large.counts.requests) == ("prompt", before)


async def test_the_large_model_is_asked_in_chat(client: openai.AsyncOpenAI, large: LargeServer):
    """What has no raw completion gets the prompt as a user's turn, with OpenAI's default of 16 tokens."""
    await client.completions.create(model="large", prompt="Hello", stop="x", seed=3)
    sent = large.received[-1].json
    assert sent["messages"] == HELLO
    assert (sent["max_tokens"], sent["stop"], sent["seed"]) == (16, "x", 3)
