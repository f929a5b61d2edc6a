"""The events of an answer as Anthropic's stream, and as one message: the same content either way."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.messages.frames import MessageFrames
from router.api.messages.whole import message_of
from router.chat import Chunk, Usage
from router.dispatch.merge import Choice
from router.errors import UpstreamInvalid

USAGE = Usage(10, 4, cached_tokens=6)
TOLD = {
    "input_tokens": 4,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 6,
    "output_tokens": 4,
}


def stream(*chunks: Chunk, thinks: bool = True) -> list[dict]:
    frames = MessageFrames("req_1", thinks=thinks)
    raw = b"".join(frames.frame(chunk, "large", Usage(9, 1)) for chunk in chunks) + frames.done("large", USAGE, {})
    events = []
    for one in raw.decode().removesuffix("\n\n").split("\n\n"):
        name, data = one.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def whole(*chunks: Chunk, thinks: bool = True) -> dict:
    choice = Choice()
    for chunk in chunks:
        choice.add(chunk)
    return message_of(choice, USAGE, request_id="req_1", model="large", thinks=thinks)


def blocks(events: list[dict]) -> list[dict]:
    """What a client puts together: each block opened, filled and closed before the next."""
    built: list[dict] = []
    arguments = ""
    for event in events:
        match event:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(built)
                built.append(dict(block))
                arguments = ""
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                assert index == len(built) - 1
                arguments += delta.get("partial_json", "")
                for name in {"text", "thinking", "signature"} & delta.keys():
                    built[-1][name] += delta[name]
            case {"type": "content_block_stop"} if arguments:
                built[-1]["input"] = json.loads(arguments)
    return built


def call(index: int, *, name: str | None = None, arguments: str = "") -> Chunk:
    said = {"id": f"call_{index}", "type": "function"} if name else {}
    function = {**({"name": name} if name else {}), "arguments": arguments}
    return Chunk({"tool_calls": [{"index": index, **said, "function": function}]})


def test_the_events_come_in_anthropics_order():
    """As the published example has them, with the usage at the end."""
    events = stream(Chunk({"role": "assistant", "content": None}), Chunk({"content": "Hi"}), Chunk({}, 0, "stop"))
    assert [event["type"] for event in events] == [
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    assert events[0]["message"]["id"] == "msg_1"
    assert events[0]["message"]["stop_reason"] is None
    assert events[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert events[-2]["usage"] == TOLD


CALLS = (
    Chunk({"content": "Let me see."}),
    call(0, name="weather", arguments='{"city":'),
    call(1, name="time", arguments="{"),
    call(0, arguments='"Oslo"}'),
    call(1, arguments="}"),
    Chunk({}, 0, "tool_calls"),
)
EXPECTED_CALLS = [
    {"type": "text", "text": "Let me see."},
    {"type": "tool_use", "id": "call_0", "name": "weather", "input": {"city": "Oslo"}},
    {"type": "tool_use", "id": "call_1", "name": "time", "input": {}},
]


def test_interleaved_calls_are_blocks_one_after_the_other():
    """The first call streams as it comes, the second waits: two open blocks would be mixed up."""
    events = stream(*CALLS)
    assert blocks(events) == EXPECTED_CALLS
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_whole_answer_has_the_same_blocks():
    """Streamed or not, the content is the same."""
    message = whole(*CALLS)
    assert message["content"] == EXPECTED_CALLS
    assert (message["stop_reason"], message["usage"]) == ("tool_use", TOLD)


def test_a_forced_call_ends_in_tool_use():
    """OpenAI says `stop` there, and an agent would not run the tool."""
    chunks = (call(0, name="weather", arguments="{}"), Chunk({}, 0, "stop"))
    assert stream(*chunks)[-2]["delta"]["stop_reason"] == whole(*chunks)["stop_reason"] == "tool_use"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_is_shown_to_who_asked_for_it(name: str):
    """A target's reasoning is a thinking block, and nothing where thinking is off."""
    chunks = (Chunk({name: "Hm. "}), Chunk({name: "Yes."}), Chunk({"content": "42"}), Chunk({}, 0, "stop"))
    shown = [{"type": "thinking", "thinking": "Hm. Yes.", "signature": ""}, {"type": "text", "text": "42"}]
    assert blocks(stream(*chunks)) == whole(*chunks)["content"] == shown
    assert blocks(stream(*chunks, thinks=False)) == whole(*chunks, thinks=False)["content"] == shown[1:]


@pytest.mark.parametrize(
    ("finish_reason", "expected"), [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")]
)
def test_each_end_has_its_word(finish_reason: str, expected: str):
    """Why an answer ended, in Anthropic's words."""
    chunks = (Chunk({"content": "Hi"}), Chunk({}, 0, finish_reason))
    assert stream(*chunks)[-2]["delta"]["stop_reason"] == whole(*chunks)["stop_reason"] == expected


def test_signed_thoughts_are_blocks_with_their_signatures():
    """A client sends them back as they were, so each signature stays with its own thought."""
    pieces = [
        {"type": "thinking", "thinking": "Hm. "},
        {"type": "thinking", "thinking": "Yes."},
        {"type": "thinking", "thinking": "", "signature": "one"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "So.", "signature": "two"},
    ]
    chunks = [Chunk({"thinking_blocks": [piece], "reasoning_content": piece.get("thinking", "")}) for piece in pieces]
    chunks += [Chunk({"content": "42"}), Chunk({}, 0, "stop")]
    shown = [
        {"type": "thinking", "thinking": "Hm. Yes.", "signature": "one"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "So.", "signature": "two"},
        {"type": "text", "text": "42"},
    ]
    assert blocks(stream(*chunks)) == whole(*chunks)["content"] == shown


def test_the_stop_sequence_that_ended_it_is_named():
    """A client that gave several knows which one it was, if the target tells; a call is a call all the same."""
    chunks = (Chunk({"content": "Hi"}), Chunk({}, 0, "stop", None, "\n\n"))
    expected = {"stop_reason": "stop_sequence", "stop_sequence": "\n\n"}
    assert stream(*chunks)[-2]["delta"] == expected
    assert expected.items() <= whole(*chunks).items()
    assert whole(call(0, name="weather", arguments="{}"), chunks[1])["stop_reason"] == "tool_use"


def test_an_answer_of_nothing_has_no_block():
    """Start, end, and nothing between them."""
    assert [event["type"] for event in stream(Chunk({}, 0, "stop"))] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


def test_a_call_that_is_no_object_is_not_an_answer():
    """A tool is never run on guesses; of a call that the limit cut, `max_tokens` tells."""
    broken = call(0, name="weather", arguments='{"city":')
    with pytest.raises(UpstreamInvalid):
        whole(broken, Chunk({}, 0, "tool_calls"))
    assert whole(broken, Chunk({}, 0, "length"))["stop_reason"] == "max_tokens"


PIECES = st.one_of(
    st.text(max_size=5).map(lambda text: Chunk({"content": text})),
    st.text(max_size=5).map(lambda text: Chunk({"reasoning_content": text})),
    st.tuples(st.integers(0, 3), st.sampled_from([None, "f", "g"])).map(lambda one: call(one[0], name=one[1])),
)


@given(st.lists(PIECES, max_size=12))
def test_whatever_comes_is_a_well_formed_stream(pieces: list[Chunk]):
    """Every block is closed before the next opens; start and stop come once; no text is lost."""
    events = stream(*pieces, Chunk({}, 0, "stop"))
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    edges = [kind for kind in kinds if kind in {"content_block_start", "content_block_stop"}]
    assert len(edges) % 2 == 0
    assert all(one != other for one, other in pairwise(edges))
    said = "".join(block.get("text", "") for block in blocks(events))
    assert said == "".join(str(piece.delta.get("content", "")) for piece in pieces)
