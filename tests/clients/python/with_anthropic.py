"""anthropic-python: messages whole and streamed, its tool runner, structured output."""

from importlib.metadata import version

import anthropic
from anthropic import beta_tool
from exercise import GOODBYE, KEY, MESSAGES, QUESTION, ROOT, STRUCTURED, TARGETS, City, raised, tell, weather
from pydantic import BaseModel

client = anthropic.Anthropic(base_url=ROOT, api_key=KEY)


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def chat() -> list[str]:
    """Whole messages."""
    return [
        client.messages.create(model=target, messages=MESSAGES, max_tokens=64, extra_body={"temperature": 0})
        .content[0]
        .text
        for target in TARGETS
    ]


def stream() -> list[str]:
    """The helper puts the pieces together; its text must be theirs."""
    return [_streamed(target) for target in TARGETS]


def _streamed(target: str) -> str:
    with client.messages.stream(
        model=target, messages=MESSAGES, max_tokens=64, extra_body={"temperature": 0}
    ) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    assert final.content[0].text == text
    return text


def tools() -> list[str]:
    """The client's own loop, whole and streamed."""
    tool = beta_tool(weather)
    asked = {"model": "large", "messages": QUESTION, "max_tokens": 64, "tools": [tool]}
    whole = client.beta.messages.tool_runner(**asked).until_done()
    for part in client.beta.messages.tool_runner(**asked, stream=True):
        streamed = part.get_final_message()
    return [whole.content[0].text, streamed.content[0].text]


def structured() -> list[str]:
    """A Pydantic model of each target."""
    return [
        client.messages.parse(model=target, messages=QUESTION, max_tokens=128, output_format=Weather).parsed_output.city
        for target in STRUCTURED
    ]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""

    def asked(model: str) -> object:
        return client.messages.create(model=model, messages=MESSAGES, max_tokens=64)

    def broken() -> object:
        with client.messages.stream(model="broken", messages=MESSAGES, max_tokens=64) as events:
            return events.get_final_message()

    return [await raised(lambda: asked("nobody")), await raised(lambda: asked("busy")), await raised(broken)]


def cancel() -> bool:
    """Leave after the first piece of text."""
    with client.messages.stream(model="slow", messages=GOODBYE, max_tokens=64) as events:
        return bool(next(iter(events.text_stream)))


tell(version("anthropic"), chat, stream, tools, structured, errors, cancel)
