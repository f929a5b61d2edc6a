"""langchain-openai: ChatOpenAI with tools bound and with structured output in each of its three ways."""

from importlib.metadata import version

from exercise import ASK, BASE, HELLO, KEY, LEAVING, STRUCTURED, TARGETS, City, raised, tell, weather
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def model(name: str) -> ChatOpenAI:
    """The client for one model."""
    return ChatOpenAI(model=name, base_url=BASE, api_key=KEY, temperature=0)


def chat() -> list[str]:
    """Whole answers."""
    return [model(target).invoke(HELLO).text for target in TARGETS]


def stream() -> list[str]:
    """The pieces, put together."""
    return ["".join(piece.text for piece in model(target).stream(HELLO)) for target in TARGETS]


def tools() -> list[str]:
    """A call and its answer, whole and streamed."""
    bound = model("large").bind_tools([tool(weather)])
    streamed: AIMessageChunk = sum(bound.stream(ASK), start=AIMessageChunk(content=""))
    return [_answered(bound, message) for message in (bound.invoke(ASK), streamed)]


def _answered(bound: object, message: object) -> str:
    result = tool(weather).invoke(message.tool_calls[0])
    return bound.invoke([HumanMessage(ASK), message, result]).text


def structured() -> list[str]:
    """A schema of each target; a call of a named function must come to the same."""
    cities = [
        [model(target).with_structured_output(Weather, method=way).invoke(ASK).city for target in STRUCTURED]
        for way in ("function_calling", "json_schema")
    ]
    assert cities[0] == cities[1]
    return cities[0]


def responses() -> list[str]:
    """The same client over the Responses API: streamed text, and a call with its answer."""
    bound = ChatOpenAI(model="large", base_url=BASE, api_key=KEY, use_responses_api=True).bind_tools([tool(weather)])
    assert _answered(bound, bound.invoke(ASK)) == "Heard: Rain in Oslo"
    models = [ChatOpenAI(model=t, base_url=BASE, api_key=KEY, temperature=0, use_responses_api=True) for t in TARGETS]
    return ["".join(piece.text for piece in one.stream(HELLO)) for one in models]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: model("nobody").invoke(HELLO)),
        await raised(lambda: model("busy").invoke(HELLO)),
        await raised(lambda: list(model("broken").stream(HELLO))),
    ]


def cancel() -> bool:
    """Leave after the first piece of text."""
    pieces = model("slow").stream(LEAVING)
    found = any(piece.text for piece in pieces)
    pieces.close()
    return found


tell(version("langchain-openai"), chat, stream, tools, structured, responses, errors, cancel)
