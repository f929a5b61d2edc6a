"""The frames between parent and child."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.engine import wire

EVENTS = st.lists(
    st.one_of(
        st.builds(wire.Piece, st.integers(1, 2**31), st.integers(0, 8), st.text(), st.integers(0, 9)),
        st.builds(wire.Used, st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        st.builds(wire.Failed, st.integers(1, 9), st.just("internal"), st.text()),
    ),
    max_size=5,
)


@given(EVENTS, st.lists(st.integers(1, 40), min_size=1))
def test_frames_survive_any_cut(events, sizes):
    """However the bytes are cut on their way, the same messages come out."""
    data = wire.frame(events) + wire.frame(events)
    splitter, found, at = wire.Splitter(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        found += [wire.events(payload) for payload in splitter.feed(data[at : at + size])]
        at += size
    assert [events, events] == found


@given(st.binary(max_size=200))
def test_garbage_is_a_wire_error(data):
    """Bytes that are not the protocol raise `WireError` and nothing else."""
    with contextlib.suppress(wire.WireError):
        assert isinstance(wire.commands(data), list)


def test_an_event_is_not_a_command():
    """A message of the wrong direction is refused."""
    with pytest.raises(wire.WireError):
        wire.commands(wire.frame([wire.Used(1, 2, 3, 4)])[4:])


def test_a_length_over_the_limit_is_refused():
    """A frame that announces more than the limit is refused before its bytes are awaited."""
    with pytest.raises(wire.WireError):
        list(wire.Splitter().feed((wire.MAX_FRAME_BYTES + 1).to_bytes(4, "big")))


def test_a_submit_carries_every_field():
    """A request with every field set comes out as it went in."""
    submit = wire.Submit(
        id=7,
        messages=[{"role": "user", "content": [{"type": "text", "text": "hé"}]}],
        sampling=wire.Sampling(0.5, 0.9, 40, 0.05, 0.1, 0.2, 1.1, {5: -1.0}, 42),
        max_tokens=5,
        stop=["\n"],
        n=2,
        top_logprobs=3,
        ignore_eos=True,
        response_format=wire.ResponseFormat("json_schema", {"type": "object"}),
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        caller="me",
        confidence_at=[4],
    )
    assert [submit] == wire.commands(wire.frame([submit])[4:])
