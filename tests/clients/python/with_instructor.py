"""instructor: a Pydantic model by a named tool and by a schema, whole and as it grows."""

from importlib.metadata import version

import instructor
import openai
from exercise import BASE, GOODBYE, KEY, MESSAGES, QUESTION, STRUCTURED, City, raised, tell
from pydantic import BaseModel

sdk = openai.OpenAI(base_url=BASE, api_key=KEY)
WAYS = (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA)


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def _ask(target: str, way: instructor.Mode = instructor.Mode.TOOLS, **options: object) -> Weather:
    client = instructor.from_openai(sdk, mode=way)
    asked = {"messages": QUESTION, "temperature": 0, "max_retries": 0, **options}
    return client.chat.completions.create(model=target, response_model=Weather, **asked)


def structured() -> list[str]:
    """A named tool, and a schema, of each target."""
    cities = [[_ask(target, way).city for target in STRUCTURED] for way in WAYS]
    assert cities[0] == cities[1]
    return cities[0]


def stream() -> list[str]:
    """The last state of a model that grows while it streams."""
    client = instructor.from_openai(sdk, mode=instructor.Mode.TOOLS)
    return [
        list(client.chat.completions.create_partial(model=target, messages=QUESTION, response_model=Weather))[-1].city
        for target in STRUCTURED
    ]


async def errors() -> list[str]:
    """With the retries that the SDK under it makes of itself."""
    client = instructor.from_openai(sdk, mode=instructor.Mode.TOOLS)
    asked = {"model": "broken", "messages": MESSAGES, "response_model": Weather}
    return [
        await raised(lambda: _ask("nobody")),
        await raised(lambda: _ask("busy")),
        await raised(lambda: list(client.chat.completions.create_partial(**asked))),
    ]


def cancel() -> bool:
    """Leave in the middle of the stream under it."""
    with sdk.chat.completions.create(model="slow", messages=GOODBYE, stream=True) as pieces:
        return next(pieces) is not None


tell(version("instructor"), structured, stream, errors, cancel)
