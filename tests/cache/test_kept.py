"""What is kept of an answer, and what comes back."""

import json

import pytest

from router.cache.kept import decoded, encoded, kept_of
from router.chat import Chunk, Event, Usage
from router.dispatch.framing import ChatFrames
from router.dispatch.merge import Merged, merge

USAGE = Usage(10, 3, 2, 1)
CALLS = [
    Chunk(
        {"role": "assistant", "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]}
    ),
    Chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
    Chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]}, 0, "tool_calls"),
]
TEXT = [
    Chunk({"content": "Hel"}, 0, None, {"content": [{"token": "Hel"}]}),
    Chunk({"content": "lo"}, 0, "stop", {"content": [{"token": "lo"}]}),
    Chunk({"content": "Bye", "refusal": None}, 1, "length"),
]


def merged(*events: Event) -> Merged:
    found = Merged()
    for event in events:
        found.add(event)
    return found


async def played(events: list[Event]) -> Merged:
    async def stream():
        for event in events:
            yield event

    return await merge(stream())


@pytest.mark.parametrize("chunks", [CALLS, TEXT], ids=["calls", "text"])
async def test_what_comes_back_is_what_was_said(chunks: list[Chunk]):
    """Text, choices, tool calls, log-probabilities and usage, through the bytes that are stored."""
    answer = merged(*chunks, USAGE)
    kept = kept_of(answer, "large")
    assert kept is not None
    again = decoded(encoded(kept))
    assert again == kept
    replayed = await played(again.events())
    assert (answer.whole(), USAGE) == (replayed.whole(), replayed.usage)


async def test_a_stream_of_tool_calls_says_which_is_which():
    """Clients put calls together by their index."""
    kept = kept_of(merged(*CALLS, USAGE), "large")
    frames = ChatFrames("r", 1)
    said = b"".join(frames.frame(event, "large") or b"" for event in kept.events())
    events = [json.loads(line[6:]) for line in said.split(b"\n\n") if line]
    assert [0, 1] == [call["index"] for call in events[0]["choices"][0]["delta"]["tool_calls"]]
    assert "tool_calls" == events[-1]["choices"][0]["finish_reason"]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [USAGE],
        TEXT,
        [TEXT[0], USAGE],
        [Chunk({"content": "no"}, 0, "content_filter"), USAGE],
    ],
)
def test_an_answer_that_is_not_whole_is_not_kept(events: list[Event]):
    """Nothing, an answer without its tokens or its end, and one that a filter took away."""
    assert None is kept_of(merged(*events), "large")


def test_what_another_version_wrote_is_nothing():
    """Bytes that cannot be read are a miss."""
    assert [None, None] == [decoded(stored) for stored in (b"\x00garbage", b"")]
