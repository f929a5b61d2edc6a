"""The frames of a stream and the whole answer, as the strictest clients want them."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.chat import Chunk, Confidence, Event, Usage
from router.dispatch.framing import ChatFrames, collect
from router.dispatch.merge import Merged
from router.errors import StreamInterrupted

CHUNKS: list[Event] = [Chunk({"content": "Hi"}), Chunk({"content": " you"}), Chunk({}, finish_reason="stop")]


def frames_of(events: list[Event], *, include_usage: bool = False) -> list[dict]:
    frames = ChatFrames("r1", 7, include_usage)
    return [frame for event in events for frame in parse(frames.frame(event, "small") or b"")]


def parse(raw: bytes) -> list[dict]:
    lines = raw.decode().split("\n\n")
    assert "" == lines.pop()
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def stream(events: list[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def whole(events: list[Event]) -> dict:
    return await collect(stream(events), request_id="r1", created=7, model=lambda: "small")


def test_a_frame_is_openais_shape() -> None:
    """Every key of a chat.completion.chunk is there, and nothing else."""
    expected = {
        "id": "chatcmpl-r1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "small",
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "logprobs": None, "finish_reason": None}
        ],
    }
    assert expected == frames_of(CHUNKS)[0]


def test_the_role_comes_once_for_each_choice() -> None:
    """The first delta of each choice carries the role, no other does, even if the target repeats it."""
    events = [Chunk({"role": "assistant", "content": "a"}, index) for index in (0, 1, 0, 1)]
    roles = [frame["choices"][0]["delta"].get("role") for frame in frames_of(events)]
    assert ["assistant", "assistant", None, None] == roles


def test_the_finish_delta_is_empty() -> None:
    """Content that arrives beside the finish reason gets a frame of its own, before it."""
    frames = frames_of([Chunk({"content": "Hi"}), Chunk({"content": " you"}, finish_reason="length")])
    said = [(frame["choices"][0]["delta"], frame["choices"][0]["finish_reason"]) for frame in frames]
    assert [({"role": "assistant", "content": "Hi"}, None), ({"content": " you"}, None), ({}, "length")] == said


def test_an_answer_of_nothing_is_still_a_stream() -> None:
    """A finish reason alone still gives the role first."""
    frames = frames_of([Chunk({}, finish_reason="stop")])
    assert [{"role": "assistant", "content": ""}, {}] == [frame["choices"][0]["delta"] for frame in frames]


def test_a_tool_call_has_null_content() -> None:
    """The first delta of a tool call says null, not an empty text."""
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    frame = frames_of([Chunk({"tool_calls": [call]})])[0]
    assert {"role": "assistant", "content": None, "tool_calls": [call]} == frame["choices"][0]["delta"]


def test_logprobs_travel() -> None:
    """Log-probabilities stay beside their delta, also when the finish reason comes with them."""
    logprobs = {"content": [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}], "refusal": None}
    frames = frames_of([Chunk({"content": "a"}, finish_reason="stop", logprobs=logprobs)])
    assert [logprobs, None] == [frame["choices"][0]["logprobs"] for frame in frames]


def test_usage_if_asked_for() -> None:
    """With include_usage every frame says null and the last one has no choice but the usage and our account."""
    frames = ChatFrames("r1", 7, include_usage=True)
    first = parse(frames.frame(CHUNKS[0], "small") or b"")[0]
    *last, done = frames.done(Usage(10, 2, 4, 1), {"cost_usd": 0.5}).split(b"\n\n")[:-1]
    final = json.loads(last[0].removeprefix(b"data: "))
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert (None, []) == (first["usage"], final["choices"])
    assert (usage, {"cost_usd": 0.5}, b"data: [DONE]") == (final["usage"], final["x_shunt"], done)
    assert ("chatcmpl-r1", "small") == (final["id"], final["model"])


def test_no_usage_unless_asked_for() -> None:
    """Without include_usage there is no usage anywhere, only [DONE]."""
    frames = ChatFrames("r1", 7)
    assert "usage" not in parse(frames.frame(CHUNKS[0], "small") or b"")[0]
    assert b"data: [DONE]\n\n" == frames.done(Usage(1, 1))


def test_an_error_ends_without_done() -> None:
    """A broken stream ends in one error event in OpenAI's envelope."""
    raw = ChatFrames("r1", 7).error(StreamInterrupted("cut"))
    expected = {"error": {"message": "cut", "type": "server_error", "param": None, "code": "stream_interrupted"}}
    assert [expected] == parse(raw)


@pytest.mark.parametrize("event", [Usage(1, 1), Confidence(1, 0.0, 0.0, 0.0)])
def test_what_clients_do_not_see(event: Event) -> None:
    """Usage and confidence make no frame of their own."""
    assert ChatFrames("r1", 7).frame(event, "small") is None


async def test_a_whole_answer() -> None:
    """Pieces become one chat.completion with every key that clients read."""
    expected = {
        "id": "chatcmpl-r1",
        "object": "chat.completion",
        "created": 7,
        "model": "small",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi you", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
    answer = await whole([*CHUNKS, Usage(3, 2)])
    usage = answer.pop("usage")
    assert (3, 2, 5) == (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"])
    assert expected == answer


async def test_a_whole_message_passes_unchanged() -> None:
    """A target that answers whole keeps every field of its message."""
    message = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "hm",
        "annotations": [{"type": "url_citation"}],
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
        "audio": {"id": "x", "data": "AA==", "transcript": "hm"},
    }
    answer = await whole([Chunk(message, finish_reason="tool_calls")])
    assert message == answer["choices"][0]["message"]


async def test_tool_calls_are_joined_by_index() -> None:
    """Arguments arrive in pieces, names and ids once; interleaved calls do not mix, and the index goes."""
    pieces = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{"}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 1, "function": {"arguments": "}"}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ]
    answer = await whole([Chunk({"tool_calls": [piece]}) for piece in pieces])
    expected = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    assert expected == answer["choices"][0]["message"]["tool_calls"]


async def test_logprobs_are_joined() -> None:
    """Log-probabilities of the pieces become one list."""
    entries = [{"token": token, "logprob": -0.1} for token in "ab"]
    events = [Chunk({"content": e["token"]}, logprobs={"content": [e], "refusal": None}) for e in entries]
    assert {"content": entries, "refusal": None} == (await whole(events))["choices"][0]["logprobs"]


texts = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20)


@given(texts=texts, cuts=st.booleans(), include_usage=st.booleans())
def test_streamed_and_whole_say_the_same(texts: list[str], cuts: bool, include_usage: bool) -> None:
    """Whatever the pieces are, a client that joins the frames gets the text of the whole answer."""
    chunks = [Chunk({"content": text}) for text in texts]
    chunks[-1] = Chunk(chunks[-1].delta, finish_reason="stop") if cuts else chunks[-1]
    merged = Merged()
    for chunk in chunks:
        merged.add(chunk)
    deltas = [frame["choices"][0]["delta"] for frame in frames_of(list(chunks), include_usage=include_usage)]
    assert "".join(texts) == merged.whole()[0]["message"]["content"]
    assert "".join(texts) == "".join(delta.get("content") or "" for delta in deltas)


def test_the_merged_answer_keeps_its_confidences() -> None:
    """Whoever verifies a whole answer finds the figures of its first tokens and of all of it, in order."""
    early, late = Confidence(8, -0.2, 0.5, 0.1), Confidence(20, -0.3, 0.6, 0.1)
    merged = Merged()
    for event in (CHUNKS[0], early, *CHUNKS[1:], late, Usage(3, 20)):
        merged.add(event)
    assert merged.confidences == [early, late]
