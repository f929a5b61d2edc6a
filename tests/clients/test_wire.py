"""What no client shows and some of them need: the bytes of an answer, with local and remote targets."""

import json
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.clients.place import Place

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.xdist_group("clients")]
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 6, "temperature": 0}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
TARGETS = ["small", "large"]


@pytest_asyncio.fixture(loop_scope="package")
async def http(place: Place) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"{place.shunt.base_url}/") as session:
        yield session


@pytest.mark.parametrize("target", TARGETS)
async def test_a_stream_is_not_buffered_on_its_way(http: aiohttp.ClientSession, target: str):
    """The headers that proxies go by."""
    async with http.post("chat/completions", json={"model": target, "stream": True, **HELLO}) as answer:
        said = {name: answer.headers[name] for name in ("content-type", "cache-control", "x-accel-buffering")}
    assert said["content-type"].startswith("text/event-stream")
    assert ("no-cache" in said["cache-control"], said["x-accel-buffering"]) == (True, "no")


@pytest.mark.parametrize("target", TARGETS)
async def test_done_is_the_last_event(http: aiohttp.ClientSession, target: str):
    """Nothing follows it: the body ends there."""
    async with http.post("chat/completions", json={"model": target, "stream": True, **HELLO}) as answer:
        events = (await answer.text()).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert events.count("data: [DONE]") == 1


@pytest.mark.parametrize("target", ["seeded", "large"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_ids_of_calls_are_plain(http: aiohttp.ClientSession, target: str, is_stream: bool):
    """Letters, digits, `-` and `_`: OpenAI refuses others when the conversation goes on there; arguments are a string."""
    asked = {
        "model": target,
        "tools": [TOOL],
        "tool_choice": "required",
        "stream": is_stream,
        **HELLO,
        "max_tokens": 99,
    }
    async with http.post("chat/completions", json=asked) as answer:
        text = await answer.text()
    pieces = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")] or [json.loads(text)]
    calls = [
        call
        for piece in pieces
        for choice in piece["choices"]
        for call in (choice.get("delta") or choice.get("message") or {}).get("tool_calls", [])
    ]
    ids = [call["id"] for call in calls if "id" in call]
    assert len(ids) == 1
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", ids[0])
    assert isinstance(json.loads("".join(call["function"]["arguments"] for call in calls)), dict)
