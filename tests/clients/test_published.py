"""Streams as they come over the wire, held against the published ones event by event and field by field."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel, TypeAdapter

from tests.clients.place import Place
from tests.clients.published import STREAMS, Published

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.xdist_group("clients")]


async def recorded(place: Place, model: str, published: Published) -> list[dict[str, Any]]:
    """The events of the stream, comments and [DONE] left out."""
    async with (
        aiohttp.ClientSession(f"{place.shunt.base_url}/") as session,
        session.post(published.path, json={"model": model, **published.body}) as answer,
    ):
        text = await answer.text()
    assert answer.status == 200, text
    lines = [line for line in text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def name_of(event: Mapping[str, Any]) -> str:
    """An event's type; of a chunk, which has none, what is new in it."""
    if "type" in event:
        return str(event["type"])
    [choice] = event["choices"]
    if choice["finish_reason"] is not None:
        return "finish"
    return next((name for name in ("role", "tool_calls") if name in choice.get("delta", ())), None) or (
        "text" if "text" in choice else "content"
    )


def missing(published: Any, sent: Any, path: str = "") -> Iterator[str]:
    """Fields of the published event that the sent one lacks."""
    if isinstance(published, list):
        for one in sent:
            yield from missing(published[0], one, path)
    elif isinstance(published, Mapping):
        for name, inner in published.items():
            if name in sent:
                yield from missing(inner, sent[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"


def unknown(value: Any, path: str = "") -> Iterator[str]:
    """Fields that the provider's own type does not know, however deep."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for one in value:
            yield from unknown(one, path)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("model", ["seeded", "large"])
async def test_a_stream_is_the_published_one(place: Place, model: str, name: str):
    """The same events in the same order, each with every field of the example and none that its provider does not know."""
    published = STREAMS[name]
    events = await recorded(place, model, published)
    assert [known for known, _ in published.events] == [known for known, _ in groupby(events, name_of)]
    examples = dict(published.events)
    for event in events:
        assert set(missing(examples[name_of(event)], event)) <= published.spares, event
        if event.get("object") == "text_completion":
            # The type is that of a whole answer, which has always ended.
            event["choices"][0]["finish_reason"] = event["choices"][0]["finish_reason"] or "stop"
        if event.get("type") != "ping":  # the one event that Anthropic's types leave out
            assert set(unknown(TypeAdapter(published.kind).validate_python(event))) <= published.others, event
