"""What the programs share: where to ask, what to ask, and how they tell what came of it.

Each program is one client, run by an interpreter of its own environment, and prints one JSON object:
`{"version": ..., "told": {exercise: what came of it}}`. An exercise that raises tells its exception.
"""

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Literal

ROOT = os.environ["CLIENT_ROOT_URL"]
BASE = f"{ROOT}/v1"
KEY = "unused"
TARGETS = ("small", "large")
STRUCTURED = ("seeded", "large")
"""A window wide enough for a schema in the prompt."""
HELLO = "Hello"
ASK = "What is the weather in Oslo?"
LEAVING = os.environ["CLIENT_NAME"]
"""The last words to the slow model: by them the test knows who has left."""
MESSAGES = [{"role": "user", "content": HELLO}]
QUESTION = [{"role": "user", "content": ASK}]
GOODBYE = [{"role": "user", "content": LEAVING}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": PARAMETERS}}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo"]}, "wet": {"type": "boolean"}},
    "required": ["city", "wet"],
    "additionalProperties": False,
}
City = Literal["Oslo"]


def weather(city: str) -> str:
    """The weather in a city."""
    return f"Rain in {city}"


async def raised(exercise: Callable[[], object]) -> str:
    """The name of what `exercise` raises."""
    try:
        result = await _done(exercise())
    except Exception as error:  # noqa: BLE001 - which one is what the test compares
        return type(error).__name__
    return f"nothing: {result!r}"


def tell(version: str, *exercises: Callable[[], object]) -> None:
    """Run `exercises`, each under its function's name, and print what came of them."""
    told = asyncio.run(_told(exercises))
    sys.stdout.write(json.dumps({"version": version, "told": told}) + "\n")


async def _told(exercises: Iterable[Callable[[], object]]) -> dict[str, object]:
    told: dict[str, object] = {}
    for exercise in exercises:
        try:
            told[exercise.__name__] = await _done(exercise())
        except Exception as error:  # noqa: BLE001 - the test shows it
            told[exercise.__name__] = f"{type(error).__name__}: {error}"
    return told


async def _done(result: object) -> object:
    return await result if inspect.isawaitable(result) else result
