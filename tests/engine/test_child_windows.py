"""What a real child does at the edges of a request: cancels in every window, stop strings on borders, long histories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.engine import wire
from tests.engine.driver import GREEDY, ChildDriver, reasons, text, used, user

LONG = "x" * 3000


@pytest.fixture(scope="module")
def child(tiny: Path) -> Iterator[ChildDriver]:
    """A child that runs two sequences at once."""
    with ChildDriver(tiny, context=4096, parallel=2) as driver:
        yield driver


def pong(child: ChildDriver, seen: list[wire.Event]) -> wire.Pong:
    """The child's answer to a ping; what comes before it is kept in `seen`."""
    child.send(wire.Ping(child.new_id()))
    while not isinstance(event := child.event(), wire.Pong):
        seen.append(event)
    return event


def bill(child: ChildDriver, id_: int, seen: list[wire.Event]) -> wire.Used:
    """The bill of a request, sent or still to come."""
    while not (bills := [event for event in seen if isinstance(event, wire.Used) and event.id == id_]):
        seen.append(child.event())
    return bills[0]


def test_a_cancel_frees_the_place_in_every_window(child):
    """Writing, reading and queued: each is billed for what was computed, says nothing after it, and leaves its place."""
    seen: list[wire.Event] = []
    first, second, reading, queued = (child.new_id() for _ in range(4))
    for id_ in (first, second):
        child.send(wire.Submit(id_, prompt=f"go {id_}", max_tokens=4000, ignore_eos=True))
    while len({event.id for event in seen if isinstance(event, wire.Piece)}) < 2:
        seen.append(child.event())
    child.send(wire.Submit(queued, prompt="queued", max_tokens=4000, ignore_eos=True))
    while pong(child, seen).queued != 1:
        pass
    child.send(wire.Cancel(queued))
    assert wire.Used(queued, 0, 0, 0) == bill(child, queued, seen)
    child.send(wire.Cancel(first))
    written = bill(child, first, seen)
    assert (4, True) == (written.prompt_tokens, 0 < written.completion_tokens < 4000)
    child.send(wire.Submit(reading, prompt=LONG, max_tokens=500, ignore_eos=True))
    while pong(child, seen).live != 2:
        pass
    child.send(wire.Cancel(reading))
    read = bill(child, reading, seen)
    assert (0 < read.prompt_tokens < 3000) == (read.completion_tokens == 0)
    child.send(wire.Cancel(second))
    bill(child, second, seen)
    last = pong(child, seen)
    assert (0, 0) == (last.live, last.queued)
    ended: set[int] = set()
    for event in seen:
        assert event.id not in ended
        if isinstance(event, wire.Used):
            ended.add(event.id)


def test_a_stop_string_across_a_token_border_never_shows(tinytalk):
    """Real weights: a stop string that begins in one token and ends in the next ends the answer before it."""
    request = {"messages": user("Tell me a story about a dog."), "sampling": GREEDY, "max_tokens": 40}
    with ChildDriver(tinytalk) as driver:
        pieces = [event.text for event in driver.ask(**request) if isinstance(event, wire.Piece)]
        whole = "".join(pieces)
        tried = 0
        for at in range(1, len(pieces) - 1):
            stop = pieces[at][-2:] + pieces[at + 1][:2]
            events = driver.ask(**request, stop=[stop])
            assert whole[: whole.index(stop)] == text(events)
            assert {0: "stop"} == reasons(events)
            tried += 1
        assert tried >= 5


def test_the_second_turn_of_a_long_conversation_reads_only_what_is_new(child):
    """After 2,000 tokens of history the next turn reads what was said since, and the bill says so."""
    history = user("tell me about " + "the sea " * 350)
    first = child.ask(messages=history, sampling=GREEDY, max_tokens=8, ignore_eos=True)
    more = [*history, {"role": "assistant", "content": text(first)}, *user("and then?")]
    second = used(child.ask(messages=more, sampling=GREEDY, max_tokens=4, ignore_eos=True))
    assert used(first).prompt_tokens > 2000
    assert second.prompt_tokens - second.cached_tokens < 60
