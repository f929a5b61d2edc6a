"""openai-agents: agents over chat completions, and over its default, the Responses API."""

from importlib.metadata import version

from agents import (
    Agent,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from exercise import ASK, BASE, HELLO, KEY, LEAVING, STRUCTURED, TARGETS, City, raised, tell, weather
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

set_tracing_disabled(True)


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def agent(name: str, kind: type[Model] = OpenAIChatCompletionsModel, **options: object) -> Agent:
    """An agent with one model."""
    model = kind(name, AsyncOpenAI(base_url=BASE, api_key=KEY))
    return Agent(name="matrix", model=model, model_settings=ModelSettings(temperature=0), **options)


async def chat() -> list[str]:
    """Whole answers."""
    return [(await Runner.run(agent(target), HELLO)).final_output for target in TARGETS]


async def stream() -> list[str]:
    """The pieces, put together."""
    return [await _streamed(agent(target), HELLO) for target in TARGETS]


async def _streamed(one: Agent, words: str) -> str:
    run = Runner.run_streamed(one, words)
    pieces = [
        event.data.delta
        async for event in run.stream_events()
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
    ]
    assert run.final_output == "".join(pieces)
    return run.final_output


async def tools() -> list[str]:
    """The agent's own loop, whole and streamed."""
    one = agent("large", tools=[function_tool(weather)])
    return [(await Runner.run(one, ASK)).final_output, await _streamed(one, ASK)]


async def structured() -> list[str]:
    """A strict schema of each target."""
    return [(await Runner.run(agent(target, output_type=Weather), ASK)).final_output.city for target in STRUCTURED]


async def responses() -> list[str]:
    """Its default: streamed text, its loop, a strict schema."""
    one = agent("large", OpenAIResponsesModel, tools=[function_tool(weather)])
    assert (await Runner.run(one, ASK)).final_output == await _streamed(one, ASK) == "Heard: Rain in Oslo"
    shaped = agent("seeded", OpenAIResponsesModel, output_type=Weather)
    assert (await Runner.run(shaped, ASK)).final_output.city == "Oslo"
    return [await _streamed(agent(target, OpenAIResponsesModel), HELLO) for target in TARGETS]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: Runner.run(agent("nobody"), HELLO)),
        await raised(lambda: Runner.run(agent("busy"), HELLO)),
        await raised(lambda: _streamed(agent("broken"), HELLO)),
    ]


async def cancel() -> bool:
    """Give the run up after its first piece of text."""
    run = Runner.run_streamed(agent("slow"), LEAVING)
    async for event in run.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            run.cancel()
            return True
    return False


tell(version("openai-agents"), chat, stream, tools, structured, responses, errors, cancel)
