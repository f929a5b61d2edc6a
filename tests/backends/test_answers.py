"""Reading a streamed answer: every cut gives a whole answer, or an interruption; never a made-up end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.answers import StreamedAnswer, whole_answer
from router.chat import Chunk, Usage
from router.errors import RouterError, StreamInterrupted, UpstreamInvalid
from tests.fakes.chats import model

CONFIG = model()


def event(delta: dict | None, finish_reason: str | None = None, index: int = 0, **more) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + json.dumps({"choices": choices, **more}).encode() + b"\n\n"


def read(body: bytes, *, choices: int = 1, size: int | None = None) -> tuple[list[Chunk], Usage | None]:
    answer = StreamedAnswer(CONFIG, choices)
    step = size or max(len(body), 1)
    chunks = [chunk for at in range(0, len(body), step) for chunk in answer.feed(body[at : at + step])]
    return chunks, answer.end()


USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
DETAILS = {
    **USAGE,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
STOP = event({}, "stop")
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (event({"content": "a"}) + STOP + event(None, usage=USAGE) + DONE, Usage(3, 2)),
        (event({"content": "a"}) + STOP + event(None, usage=DETAILS) + DONE, Usage(3, 2, 1, 1)),
        (event({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": 1}) + event({}, "stop", usage=USAGE), Usage(3, 2)),
        (event(None, prompt_filter_results=[]) + event({"content": "a"}, "stop") + DONE, None),
        (event({"content": "a"}, "") + STOP + DONE, None),
        (event({"content": "a"}) + STOP + event(None, usage={"prompt_tokens": None}) + DONE, None),
    ],
    ids=["openai", "details", "running usage", "azure", "empty finish_reason", "null usage"],
)  # fmt: skip
def test_dialects(body: bytes, usage: Usage | None) -> None:
    """The ways in which servers end a stream are all read, and the last usage counts."""
    chunks, seen = read(body)
    assert ("a", ["stop"], usage) == (
        "".join(chunk.delta.get("content", "") for chunk in chunks),
        [chunk.finish_reason for chunk in chunks if chunk.finish_reason],
        seen,
    )


def test_a_delta_that_says_nothing_is_no_event() -> None:
    """The role, empty text, nulls and empty lists do not begin an answer."""
    empty = {"role": "assistant", "content": "", "refusal": None, "tool_calls": []}
    chunks, _ = read(event(empty) + event({"content": None}) + STOP + DONE)
    assert [Chunk({}, finish_reason="stop")] == chunks


def test_every_choice_must_finish() -> None:
    """With n choices, one finish reason is not enough, unless the server says that it is done."""
    one = event({"content": "a"}, "stop", index=0)
    two = one + event({"content": "b"}, "stop", index=1)
    assert 2 == len(read(two, choices=2)[0])
    with pytest.raises(StreamInterrupted):
        read(one, choices=2)
    with pytest.raises(StreamInterrupted):
        read(one + event({"content": "b"}, index=1) + DONE, choices=2)
    assert 1 == len(read(one + DONE, choices=2)[0])


def test_what_follows_the_end_is_not_read() -> None:
    """After [DONE] or an error nothing counts any more."""
    chunks, _ = read(event({"content": "a"}, "stop") + DONE + event({"content": "b"}))
    assert 1 == len(chunks)


@pytest.mark.parametrize(
    "junk", [b"data: {\n\n", b"data: \xff\n\n", b"data: 5\n\n", b"data: " + b"[" * 100_000 + b"\n\n"]
)
def test_junk_is_invalid_then_an_interruption(junk: bytes) -> None:
    """What is not a chunk makes the answer invalid, and interrupts it once it has begun."""
    with pytest.raises(UpstreamInvalid):
        read(junk)
    with pytest.raises(StreamInterrupted):
        read(event({"content": "a"}) + junk)


BODY = b"".join(event({"content": char}) for char in "żółw 🐢") + STOP + event(None, usage=USAGE) + DONE
COMPLETE_AT = BODY.index(STOP) + len(STOP)


@given(size=st.integers(1, 200))
def test_row_30_any_packet_size_gives_the_same_answer(size: int) -> None:
    """The size of the packets makes no difference."""
    assert read(BODY) == read(BODY, size=size)


@given(cut=st.integers(0, len(BODY)), size=st.integers(1, 200))
def test_row_27_a_cut_anywhere_is_never_a_finished_answer(cut: int, size: int) -> None:
    """Cut before the finish reason has arrived whole, a stream is an error; after it, the text is complete."""
    try:
        chunks, _ = read(BODY[:cut], size=size)
    except RouterError as error:
        assert cut < COMPLETE_AT
        assert isinstance(error, StreamInterrupted | UpstreamInvalid)
    else:
        assert cut >= COMPLETE_AT
        assert "żółw 🐢" == "".join(chunk.delta.get("content", "") for chunk in chunks)


@given(noise=st.binary(max_size=200))
def test_noise_never_escapes_the_error_tree(noise: bytes) -> None:
    """Whatever bytes a target sends, streamed or whole, the outcome is one of our errors or an answer."""
    for attempt in (
        lambda: read(noise),
        lambda: read(b"data: " + noise + b"\n\n"),
        lambda: whole_answer(noise, CONFIG),
    ):
        try:
            attempt()
        except RouterError as error:
            assert len(error.message) < 1000


def test_a_whole_answer_needs_a_finish_reason() -> None:
    """A choice without one is not finished, however whole its JSON is."""
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": None}]}
    with pytest.raises(UpstreamInvalid):
        whole_answer(json.dumps(body).encode(), CONFIG)


@pytest.mark.parametrize(
    "wrong", [{"prompt_tokens": -1}, {"completion_tokens": 2**40}, {"prompt_tokens_details": {"cached_tokens": -5}}]
)
def test_counts_that_cannot_be_are_not_believed(wrong: dict) -> None:
    """A target that tells less than nothing, or more than any window holds, has told nothing: what passed through counts."""
    body = event({"content": "a"}) + STOP + event(None, usage=USAGE | wrong) + DONE
    assert read(body)[1] is None
