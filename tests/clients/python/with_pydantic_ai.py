"""pydantic-ai: agents over chat completions, with tools and with both ways of structured output."""

from importlib.metadata import version

from exercise import ASK, BASE, HELLO, KEY, LEAVING, STRUCTURED, TARGETS, City, raised, tell, weather
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

PROVIDER = OpenAIProvider(base_url=BASE, api_key=KEY)


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def agent(name: str, kind: type[Model] = OpenAIChatModel, **options: object) -> Agent:
    """An agent with one model."""
    return Agent(kind(name, provider=PROVIDER), model_settings={"temperature": 0}, **options)


async def chat() -> list[str]:
    """Whole answers."""
    return [(await agent(target).run(HELLO)).output for target in TARGETS]


async def stream() -> list[str]:
    """The pieces, put together."""
    return [await _streamed(agent(target), HELLO) for target in TARGETS]


async def _streamed(one: Agent, words: str) -> str:
    async with one.run_stream(words) as result:
        return "".join([piece async for piece in result.stream_text(delta=True, debounce_by=None)])


async def tools() -> list[str]:
    """The agent's own loop, whole and streamed."""
    one = agent("large", tools=[weather])
    return [(await one.run(ASK)).output, await _streamed(one, ASK)]


async def structured() -> list[str]:
    """A schema of each target; a tool that is required must come to the same."""
    cities = [
        [(await agent(target, output_type=form).run(ASK)).output.city for target in STRUCTURED]
        for form in (Weather, NativeOutput(Weather))
    ]
    assert cities[0] == cities[1]
    return cities[0]


async def responses() -> list[str]:
    """The same agent over the Responses API: streamed text, its loop, a schema."""
    one = agent("large", OpenAIResponsesModel, tools=[weather])
    assert (await one.run(ASK)).output == await _streamed(one, ASK) == "Heard: Rain in Oslo"
    shaped = agent("seeded", OpenAIResponsesModel, output_type=NativeOutput(Weather))
    assert (await shaped.run(ASK)).output.city == "Oslo"
    return [await _streamed(agent(target, OpenAIResponsesModel), HELLO) for target in TARGETS]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: agent("nobody").run(HELLO)),
        await raised(lambda: agent("busy").run(HELLO)),
        await raised(lambda: _streamed(agent("broken"), HELLO)),
    ]


async def cancel() -> bool:
    """Leave after the first piece of text."""
    async with agent("slow").run_stream(LEAVING) as result:
        async for piece in result.stream_text(delta=True, debounce_by=None):
            return bool(piece)
    return False


tell(version("pydantic-ai-slim"), chat, stream, tools, structured, responses, errors, cancel)
