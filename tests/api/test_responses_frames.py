"""The events of an answer as OpenAI's response stream, and as one response: the same items either way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.responses.frames import ResponseFrames
from router.api.responses.output import Frame, items_of
from router.api.responses.parse import read
from router.chat import Chunk, Usage
from router.dispatch.merge import Choice
from router.errors import StreamInterrupted

USAGE = Usage(10, 4, cached_tokens=6, reasoning_tokens=1)
TOLD = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 0},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 14,
}
CALLS = ("response.function_call_arguments.delta", "response.function_call_arguments.done")
TEXT = ("response.content_part.added", "response.output_text.delta", "response.output_text.done")


def frame() -> Frame:
    asked, _ = read({"model": "auto", "input": "Hi"}, strict_fields=False)
    return Frame("resp_1", 0, asked, stored=True, namespaces={"weather": "mcp"})


def events_of(raw: bytes) -> list[dict]:
    events = []
    for one in raw.decode().removesuffix("\n\n").split("\n\n"):
        name, data = one.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    assert list(range(len(events))) == [event["sequence_number"] for event in events]
    return events


def stream(*chunks: Chunk) -> list[dict]:
    frames = ResponseFrames(frame())
    return events_of(b"".join(frames.frame(chunk, "large") for chunk in chunks) + frames.done("large", USAGE, {})[0])


def whole(*chunks: Chunk) -> list[dict]:
    choice = Choice()
    for chunk in chunks:
        choice.add(chunk)
    return json.loads(json.dumps([*items_of(frame(), choice)]))


def built(events: list[dict]) -> list[dict]:
    """What a client puts together: each item opened, filled and closed before the next, and closed as it was filled."""
    items: list[dict] = []
    said = ""
    for event in events:
        match event["type"].removeprefix("response."):
            case "output_item.added":
                assert event["output_index"] == len(items)
                said = ""
            case "output_text.delta" | "refusal.delta" | "reasoning_text.delta" | "function_call_arguments.delta":
                said += event["delta"]
            case "output_text.done" | "reasoning_text.done":
                assert said == event["text"]
            case "refusal.done":
                assert said == event["refusal"]
            case "function_call_arguments.done":
                assert (said or "{}") == event["arguments"]
            case "output_item.done":
                items.append(event["item"])
    return items


def call(index: int, *, name: str | None = None, arguments: str = "") -> Chunk:
    said = {"id": f"call_{index}", "type": "function"} if name else {}
    function = {**({"name": name} if name else {}), "arguments": arguments}
    return Chunk({"tool_calls": [{"index": index, **said, "function": function}]})


def test_the_events_come_in_openais_order():
    """As the published example of a text has them, each with the fields that it has there."""
    events = stream(Chunk({"role": "assistant", "content": None}), Chunk({"content": "Hi"}), Chunk({}, 0, "stop"))
    assert [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed",
    ] == [event["type"] for event in events]  # fmt: skip
    place = {"item_id": "msg_100", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    item = {"id": "msg_100", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    done = {**item, "status": "completed", "content": [{**part, "text": "Hi"}]}
    assert [
        {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item},
        {"type": "response.content_part.added", "sequence_number": 3, **place, "part": part},
        {"type": "response.output_text.delta", "sequence_number": 4, **place, "delta": "Hi", "logprobs": []},
        {"type": "response.output_text.done", "sequence_number": 5, **place, "text": "Hi", "logprobs": []},
        {"type": "response.content_part.done", "sequence_number": 6, **place, "part": {**part, "text": "Hi"}},
        {"type": "response.output_item.done", "sequence_number": 7, "output_index": 0, "item": done},
    ] == events[2:-1]
    assert ("in_progress", [], None) == tuple(events[0]["response"][name] for name in ("status", "output", "usage"))
    assert ("completed", [done], TOLD) == tuple(events[-1]["response"][name] for name in ("status", "output", "usage"))


MIXED = (
    Chunk({"reasoning_content": "Hm."}),
    Chunk({"content": "Let me see."}),
    call(0, name="weather", arguments='{"city":'),
    call(1, name="time", arguments="{"),
    call(0, arguments='"Oslo"}'),
    call(1, arguments="}"),
    Chunk({}, 0, "tool_calls"),
)


def test_interleaved_calls_are_items_one_after_the_other():
    """The first call streams as it comes, the second waits; a function of a namespace says which."""
    items = built(stream(*MIXED))
    assert ["reasoning", "message", "function_call", "function_call"] == [item["type"] for item in items]
    assert [("call_0", "weather", '{"city":"Oslo"}', "mcp"), ("call_1", "time", "{}", None)] == [
        (item["call_id"], item["name"], item["arguments"], item.get("namespace")) for item in items[2:]
    ]
    assert [{"type": "reasoning_text", "text": "Hm."}] == items[0]["content"]


@pytest.mark.parametrize(("finish_reason", "reason"), [("length", "max_output_tokens"), ("content_filter",) * 2])
def test_an_answer_that_was_cut_is_incomplete(finish_reason: str, reason: str):
    """The last event, the response and the message say so, and why."""
    events = stream(Chunk({"content": "Hi"}), Chunk({}, 0, finish_reason))
    last = events[-1]["response"]
    assert ("response.incomplete", "incomplete", {"reason": reason}, "incomplete") == (
        events[-1]["type"], last["status"], last["incomplete_details"], last["output"][0]["status"],
    )  # fmt: skip


def test_an_answer_of_nothing_is_an_empty_message():
    """Clients read the text of the first message without looking whether there is one."""
    assert [""] == [part["text"] for item in built(stream(Chunk({}, 0, "stop"))) for part in item["content"]]


def test_a_broken_answer_fails():
    """`response.failed` tells why in words that hold nothing of the answer, and `completed` does not come."""
    frames = ResponseFrames(frame())
    raw = frames.frame(Chunk({"content": "Hi"}), "large")
    last = events_of(raw + frames.broken("large", StreamInterrupted("It broke off."))[0])[-1]
    assert ("response.failed", "failed", {"code": "server_error", "message": "It broke off."}) == (
        last["type"], last["response"]["status"], last["response"]["error"],
    )  # fmt: skip


TEXTS = st.text(min_size=1, max_size=5)
PIECES = st.one_of(
    TEXTS.map(lambda text: Chunk({"content": text})),
    st.builds(
        lambda index, text: Chunk(
            {"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": "f", "arguments": text}}]}
        ),
        st.integers(0, 2),
        TEXTS,
    ),
)


@given(st.lists(PIECES, max_size=8))
def test_streamed_or_not_the_content_is_the_same(pieces: list[Chunk]):
    """However text and calls are mixed, a stream's items say what the whole answer's say: text that came late comes last."""
    chunks = [*pieces, Chunk({}, 0, "stop")]

    def content(items: list[dict]) -> tuple[str, list[str]]:
        texts = [part["text"] for item in items if item["type"] == "message" for part in item["content"]]
        return "".join(texts), [item["arguments"] for item in items if item["type"] == "function_call"]

    text, calls = content(built(stream(*chunks)))
    whole_text, whole_calls = content(whole(*chunks))
    assert (whole_text, sorted(whole_calls)) == (text, sorted(calls))
