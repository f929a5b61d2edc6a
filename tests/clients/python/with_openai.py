"""openai-python: chat completions by hand, the `.stream()` helper, `.parse()`."""

import json
from importlib.metadata import version

import openai
from exercise import (
    ASK,
    BASE,
    GOODBYE,
    HELLO,
    KEY,
    LEAVING,
    MESSAGES,
    QUESTION,
    STRUCTURED,
    TARGETS,
    TOOL,
    City,
    raised,
    tell,
    weather,
)
from pydantic import BaseModel

BUSY = [{"role": "user", "content": f"busy {LEAVING}"}]
client = openai.OpenAI(base_url=BASE, api_key=KEY)


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def chat() -> list[str]:
    """Whole answers."""
    return [
        client.chat.completions.create(model=target, messages=MESSAGES, temperature=0).choices[0].message.content
        for target in TARGETS
    ]


def stream() -> list[str]:
    """The helper puts the pieces together; its text must be theirs."""
    return [_streamed(target) for target in TARGETS]


def _streamed(target: str) -> str:
    with client.chat.completions.stream(
        model=target, messages=MESSAGES, temperature=0, stream_options={"include_usage": True}
    ) as events:
        text = "".join(event.delta for event in events if event.type == "content.delta")
        final = events.get_final_completion()
    assert final.choices[0].message.content == text
    assert final.usage.completion_tokens > 0
    return text


def tools() -> list[str]:
    """A call and its answer, whole and streamed."""
    whole = client.chat.completions.create(model="large", messages=QUESTION, tools=[TOOL]).choices[0]
    with client.chat.completions.stream(model="large", messages=QUESTION, tools=[TOOL]) as events:
        streamed = events.get_final_completion().choices[0]
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    return [_answered(choice.message) for choice in (whole, streamed)]


def _answered(message: openai.types.chat.ChatCompletionMessage) -> str:
    call = message.tool_calls[0]
    result = weather(**json.loads(call.function.arguments))
    turns = [*QUESTION, message, {"role": "tool", "tool_call_id": call.id, "content": result}]
    return client.chat.completions.create(model="large", messages=turns, tools=[TOOL]).choices[0].message.content


def structured() -> list[str]:
    """A Pydantic model of each target."""
    return [
        client.chat.completions.parse(model=target, messages=QUESTION, response_format=Weather, temperature=0)
        .choices[0]
        .message.parsed.city
        for target in STRUCTURED
    ]


def responses() -> list[str]:
    """The Responses API: streamed text, and a call that is answered by going on from the answer that made it."""
    tool = {"type": "function", **TOOL["function"], "strict": True}
    asked = client.responses.create(model="large", input=ASK, tools=[tool])
    call = next(item for item in asked.output if item.type == "function_call")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": weather(**json.loads(call.arguments))}
    answer = client.responses.create(model="large", input=[result], previous_response_id=asked.id, tools=[tool])
    assert answer.output_text == "Heard: Rain in Oslo"
    return [_response(target) for target in TARGETS]


def _response(target: str) -> str:
    with client.responses.stream(model=target, input=HELLO, temperature=0) as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert events.get_final_response().output_text == text
    return text


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: client.chat.completions.create(model="nobody", messages=MESSAGES)),
        await raised(lambda: client.chat.completions.create(model="busy", messages=BUSY)),
        await raised(lambda: list(client.chat.completions.create(model="broken", messages=MESSAGES, stream=True))),
    ]


def cancel() -> bool:
    """Leave after the first piece."""
    with client.chat.completions.create(model="slow", messages=GOODBYE, stream=True) as pieces:
        return next(pieces) is not None


tell(version("openai"), chat, stream, tools, structured, responses, errors, cancel)
