"""The run loop over a decoder that notices every mix-up."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine.answer import FREE, Terms
from router.engine.prepare import Job
from router.engine.scheduler import Limits
from router.engine.wire import Confidence, Failed, Finished, Piece, Sampling, Used
from router.engine.worker import Forget, Stop, Worker
from tests.engine.fake_decoder import FakeDecoder, FakeVocabulary, continuation

GREEDY = Terms(Sampling(temperature=0))


class Bench:
    """A worker, its decoder, and what it has sent."""

    def __init__(self, *, parallel=3, queue=100, slots=None, batch=32) -> None:
        self.decoder = FakeDecoder()
        self.sent: list = []
        self.time = 0.0
        limits = Limits(parallel, queue, slots or parallel, batch, 1 << 20)
        self.worker = Worker(FakeVocabulary(), self.decoder, limits, self.sent.extend, self.clock)

    def clock(self) -> float:
        self.time += 0.001
        return self.time

    def job(
        self, id_: int, prompt: list[int], answer: int, terms: Terms = GREEDY, choices: int = 1, caller: str = ""
    ) -> None:
        array = np.array(prompt, np.int32)
        self.worker.handle(Job(id_, caller, array, len(prompt) + answer, [FREE] * choices, terms))

    def step(self) -> None:
        self.worker.step()
        self.worker.flush()

    def drain(self) -> None:
        while self.worker.scheduler.has_work:
            self.step()
        self.worker.flush()

    def of(self, id_: int) -> list:
        return [event for event in self.sent if event.id == id_]

    def text(self, id_: int, index: int = 0) -> str:
        return "".join(e.text for e in self.of(id_) if isinstance(e, Piece) and e.index == index)


def expected(prompt: list[int], count: int) -> str:
    """The text of the greedy answer."""
    vocabulary = FakeVocabulary()
    return b"".join(vocabulary.piece(token) for token in continuation(prompt, count)).decode()


def test_a_request_ends_with_its_reason_its_confidence_and_its_cost():
    """Pieces, then the confidence and the reason of the choice, then what the request used."""
    bench = Bench()
    bench.job(1, [5, 6, 7], 4)
    bench.drain()
    kinds = [type(event) for event in bench.of(1)]
    assert [Piece] * 4 + [Confidence, Finished, Used] == kinds
    assert Used(1, 3, 4, 0) == bench.of(1)[-1]
    assert "length" == bench.of(1)[-2].reason


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(0, 3))
def test_no_load_changes_a_single_token(seed, parallel, extra_slots):
    """Random conversations with shared prefixes, second turns, cancels and lost contexts: every answer is right."""
    draw = random.Random(seed)
    bench = Bench(parallel=parallel, slots=parallel + extra_slots, batch=max(parallel, 16))
    systems = [[draw.randrange(90) for _ in range(draw.choice((0, 70, 300)))] for _ in range(2)]
    asked: dict[int, tuple[list[int], int]] = {}
    cancelled = set()
    for id_ in range(1, 16):
        system = draw.choice(systems)
        if asked and draw.random() < 0.4:
            earlier, count = draw.choice(list(asked.values()))
            prompt = earlier + continuation(earlier, count) + [draw.randrange(90)]
        else:
            prompt = system + [draw.randrange(90) for _ in range(draw.randrange(1, 40))]
        asked[id_] = (prompt, draw.randrange(1, 30))
        bench.job(id_, *asked[id_], caller=draw.choice("ab"))
        for _ in range(draw.randrange(12)):
            bench.step()
        if draw.random() < 0.2:
            cancelled.add(id_)
            bench.worker.handle(Forget(id_))
        if draw.random() < 0.1 and bench.worker.scheduler.live:
            bench.decoder.fail = 1
            bench.step()
            bench.step()
    bench.drain()
    for id_, (prompt, count) in asked.items():
        shown = bench.text(id_)
        if id_ in cancelled:
            assert expected(prompt, count).startswith(shown)
        else:
            assert expected(prompt, count) == shown
        assert 1 == sum(isinstance(event, Used) for event in bench.of(id_))


def test_a_stop_string_ends_the_answer_before_it():
    """Across token borders, the stop string and what follows are not shown."""
    bench = Bench()
    whole = expected([1, 2], 20)
    bench.job(1, [1, 2], 20, Terms(Sampling(temperature=0), stops=(whole[5:8],)))
    bench.drain()
    assert whole[:5] == bench.text(1)
    assert "stop" == next(e for e in bench.of(1) if isinstance(e, Finished)).reason
    assert 8 == bench.of(1)[-1].completion_tokens


def test_cancel_in_every_window_frees_the_place_at_once():
    """Queued, reading or writing: after a cancel no batch holds the request, and its cost is told."""
    bench = Bench(parallel=2, batch=8)
    bench.job(1, [1] * 3, 500)
    bench.step()
    bench.job(2, [2] * 200, 500)
    bench.job(3, [3] * 5, 500)
    bench.step()
    bench.decoder.batches.clear()
    for id_ in (1, 2, 3):
        bench.worker.handle(Forget(id_))
        bench.step()
        assert isinstance(bench.of(id_)[-1], Used)
    assert not bench.worker.scheduler.has_work
    live = {feed.sequence.prompt for feeds in bench.decoder.batches for feed in feeds}
    assert 3 not in live
    bench.worker.handle(Forget(1))
    bench.worker.flush()
    assert 1 == sum(isinstance(event, Used) for event in bench.of(1))


def test_a_cancelled_request_costs_what_was_computed():
    """Queued: nothing. Reading: what was read of the prompt. Writing: the whole prompt and what was written."""
    bench = Bench(parallel=2, batch=8)
    bench.job(1, [1] * 3, 500)
    bench.step()
    bench.job(2, [2] * 200, 500)
    bench.job(3, [3] * 5, 500)
    bench.step()
    for id_ in (3, 2, 1):
        bench.worker.handle(Forget(id_))
    bench.worker.flush()
    read = sum(feed.count for feeds in bench.decoder.batches for feed in feeds if feed.sequence.prompt == 200)
    assert [Used(1, 3, 2, 0), Used(2, read, 0, 0), Used(3, 0, 0, 0)] == [bench.of(id_)[-1] for id_ in (1, 2, 3)]
    assert 0 < read < 200


def test_a_full_queue_is_an_overloaded_failure():
    """The request over the bound fails with the code `overloaded` and an estimate; those before it are answered."""
    bench = Bench(parallel=1, queue=1)
    for id_ in (1, 2, 3):
        bench.job(id_, [id_], 5)
    bench.drain()
    assert "overloaded" == bench.of(3)[-1].code
    assert bench.of(3)[-1].retry_after_s is not None
    assert [expected([1], 5), expected([2], 5)] == [bench.text(1), bench.text(2)]


def test_a_caller_who_fills_the_queue_makes_room_for_another():
    """The newest of the crowd's waiting requests is refused for a newcomer, who is answered; what runs goes on."""
    bench = Bench(parallel=1, queue=3)
    for id_ in (1, 2, 3, 4):
        bench.job(id_, [id_], 5, caller="crowd")
        bench.step()
    bench.job(5, [50], 5, caller="newcomer")
    bench.drain()
    assert ["overloaded"] == [event.code for event in bench.sent if isinstance(event, Failed)]
    assert "overloaded" == bench.of(4)[-1].code
    assert [expected([n], 5) for n in (1, 2, 3, 50)] == [bench.text(id_) for id_ in (1, 2, 3, 5)]


def test_an_equal_share_of_a_full_queue_is_nobodys_to_take():
    """When the newcomer would have as many in line as the others, the newcomer is refused."""
    bench = Bench(parallel=1, queue=2)
    for id_, caller in ((1, "running"), (2, "one"), (3, "two"), (4, "three")):
        bench.job(id_, [id_], 5, caller=caller)
        bench.step()
    bench.drain()
    assert [4] == [event.id for event in bench.sent if isinstance(event, Failed)]


def test_nobody_who_has_begun_to_answer_makes_room():
    """A request with one choice that runs and others in line keeps its place, though it fills the queue."""
    bench = Bench(parallel=1, queue=3)
    bench.job(1, [1], 5, choices=4, caller="crowd")
    bench.step()
    bench.job(2, [2], 5, caller="newcomer")
    bench.drain()
    assert [2] == [event.id for event in bench.sent if isinstance(event, Failed)]
    assert [expected([1], 5)] * 4 == [bench.text(1, index) for index in range(4)]


def test_a_newcomer_with_several_choices_takes_no_place_in_vain():
    """Nobody is refused for a request that would be refused all the same."""
    bench = Bench(parallel=1, queue=3)
    for id_ in (1, 2, 3, 4):
        bench.job(id_, [id_], 5, caller="crowd")
        bench.step()
    bench.job(5, [50], 5, choices=2, caller="newcomer")
    bench.drain()
    assert [5] == [event.id for event in bench.sent if isinstance(event, Failed)]


def test_a_lost_context_is_rebuilt_and_the_stream_goes_on():
    """One failed decode costs a new context and a second reading, not an answer."""
    bench = Bench()
    bench.job(1, [4, 5], 10)
    bench.step()
    bench.decoder.fail = 1
    bench.drain()
    assert (1, expected([4, 5], 10)) == (bench.decoder.rebuilt, bench.text(1))


def test_a_context_that_stays_broken_fails_its_requests():
    """A decode that fails again after the rebuild fails the requests, and the loop lives on."""
    bench = Bench()
    bench.job(1, [4, 5], 10)
    bench.decoder.fail = 2
    bench.step()
    bench.step()
    assert Failed(1, "internal", "the local model could not compute this request") == bench.of(1)[-1]
    bench.job(2, [6], 3)
    bench.drain()
    assert expected([6], 3) == bench.text(2)


def test_choices_have_their_own_texts_and_one_bill():
    """n choices are numbered, each finishes, and the prompt is billed once."""
    bench = Bench(parallel=2)
    bench.job(1, [1] * 50, 6, Terms(Sampling(temperature=5.0, seed=3)), choices=3)
    bench.drain()
    assert {0, 1, 2} == {e.index for e in bench.of(1) if isinstance(e, Finished)}
    assert Used(1, 50, 18, 0) == bench.of(1)[-1]
    assert 3 == len({bench.text(1, index) for index in range(3)})


def test_confidence_comes_at_its_marks_and_at_the_end():
    """A mark of k is answered with the figures of the first k tokens."""
    bench = Bench()
    bench.job(1, [1, 2], 6, Terms(Sampling(temperature=0), confidence_at=frozenset({2, 4})))
    bench.drain()
    figures = [event for event in bench.of(1) if isinstance(event, Confidence)]
    assert [2, 4, 6] == [event.tokens for event in figures]
    assert all(event.mean_logprob == pytest.approx(figures[0].mean_logprob, abs=1e-4) for event in figures)


def test_the_load_is_told():
    """The published load counts what runs, waits and was used."""
    bench = Bench(parallel=1)
    bench.job(1, [1] * 20, 5)
    bench.job(2, [2] * 20, 5)
    bench.step()
    assert (1, 1) == (bench.worker.load.live, bench.worker.load.queued)
    bench.drain()
    pong = bench.worker.pong(9, 64)
    assert (0, 0, 40, 10, 64) == (
        pong.live, pong.queued, pong.prompt_tokens_total, pong.completion_tokens_total, pong.kv_size,
    )  # fmt: skip


def test_the_loop_leaves_when_told():
    """`run` handles what has arrived and returns at `Stop`."""
    bench = Bench()
    bench.worker.inbox.put(Stop())
    bench.worker.run()
    assert [] == bench.sent
