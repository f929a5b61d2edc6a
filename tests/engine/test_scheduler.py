"""What goes into a batch, who waits, and for how long."""

import statistics
from itertools import pairwise

import numpy as np
import pytest

from router.engine.pace import FIRST_CHUNK, MAX_SLOWDOWN, MAX_STRETCH, YOUNG_TOKENS, Pace
from router.engine.scheduler import Limits, QueueFullError, Scheduler
from router.engine.sequence import Sequence
from tests.engine.fake_decoder import FakeDecoder


def prompt_of(token: int, size: int) -> np.ndarray:
    return np.full(size, token, np.int32)


def sequence(token: int, size: int = 10, answer: int = 50, **more) -> Sequence:
    return Sequence(prompt_of(token, size), size + answer, **more)


def scheduler_of(decoder: FakeDecoder, *, parallel=2, queue=100, slots=None, batch=64, **more) -> Scheduler:
    return Scheduler(decoder, Limits(parallel, queue, slots or parallel, batch, **more))


def step(scheduler: Scheduler, decoder: FakeDecoder, seconds: float = 0.01) -> list:
    """Plan, decode, settle, and append a token to each sequence that was answered."""
    step = []
    for feeds in scheduler.plan():
        step += feeds
        if feeds:
            decoder.decode(feeds)
            scheduler.settle(feeds, seconds)
        for feed in feeds:
            if feed.wants_logits:
                feed.sequence.append(1)
    return step


def test_streams_and_prompts_share_every_step():
    """While one sequence writes, another's prompt is read in the same steps, and the writer is in each of them."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder)
    writer, long = sequence(1), sequence(2, 600)
    scheduler.submit([writer])
    step(scheduler, decoder)
    scheduler.submit([long])
    while not long.started:
        feeds = step(scheduler, decoder)
        assert {writer, long} == {feed.sequence for feed in feeds}
        assert sum(feed.count for feed in feeds) <= 64 + 1
    assert writer.written > 3


@pytest.mark.parametrize("writers", [1, 4, 8])
def test_a_long_prompt_is_read_in_bounded_chunks_beside_every_stream(writers: int):
    """While 2,400 tokens are read, each step has one row for every stream, and none stands out.

    A row of the answer takes 10 ms and a token of the prompt 1 ms, so the bounds are exact: no step is over 3 times the
    one before it, over 3 times the median while the prompt is read, or over `MAX_SLOWDOWN` times a step that only writes.
    """
    scheduler = scheduler_of(FakeDecoder(), parallel=writers + 1, batch=512)
    streams = [sequence(token, 10, 2000) for token in range(writers)]
    long = sequence(90, 2400)
    scheduler.submit(streams)
    steps_ms, read = [], 0
    while not long.started:
        if len(steps_ms) == 3 * YOUNG_TOKENS:
            scheduler.submit([long])
        spent_ms = 0
        for feeds in filter(None, scheduler.plan()):
            cost_ms = 10 * len(feeds) if feeds[0].is_writing else sum(feed.count for feed in feeds)
            scheduler.settle(feeds, cost_ms / 1000)
            spent_ms += cost_ms
            read += sum(feed.count for feed in feeds if feed.sequence is long)
            if read and feeds[0].is_writing:
                assert set(streams) == {feed.sequence for feed in feeds}
            for feed in feeds:
                if feed.wants_logits:
                    feed.sequence.append(1)
        steps_ms.append(spent_ms)
    during = steps_ms[3 * YOUNG_TOKENS :]
    assert 2400 == read
    assert all(late <= 3 * early for early, late in pairwise(steps_ms[3 * YOUNG_TOKENS - 1 :]))
    assert max(during) <= min(3 * statistics.median(during), MAX_SLOWDOWN * 10 * writers)


def test_no_more_than_parallel_run():
    """Further sequences wait, and are admitted the moment a place is free."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder)
    sequences = [sequence(token) for token in range(3)]
    scheduler.submit(sequences)
    step(scheduler, decoder)
    assert (2, 1) == (len(scheduler.live), scheduler.queued)
    scheduler.end(sequences[0])
    step(scheduler, decoder)
    assert (2, 0) == (len(scheduler.live), scheduler.queued)


def test_a_full_queue_refuses_and_says_when_to_come_back():
    """The queue is bounded; the refusal carries the estimated wait."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=1, queue=2)
    scheduler.submit([sequence(token) for token in range(3)])
    step(scheduler, decoder)
    scheduler.observe_service(2.0)
    with pytest.raises(QueueFullError) as full:
        scheduler.submit([sequence(9)])
    assert 2.0 * 3 == full.value.wait_s


def test_nobody_waits_while_there_is_room():
    """The wait estimate is zero while a place is free."""
    scheduler = scheduler_of(FakeDecoder())
    scheduler.observe_service(5.0)
    assert 0 == scheduler.wait_s()


def test_callers_take_turns():
    """A caller with a long line does not hold up another: the one that was served less goes first."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=1)
    crowd = [sequence(token, caller="crowd") for token in range(4)]
    scheduler.submit(crowd)
    step(scheduler, decoder)
    single = sequence(9, caller="single")
    scheduler.submit([single])
    step(scheduler, decoder)
    scheduler.end(crowd[0])
    step(scheduler, decoder)
    assert [single] == scheduler.live


def test_absence_saves_no_credit():
    """A caller that comes late starts level with the others and does not overtake all they have waiting."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=1)
    first = [sequence(token, 100, caller="first") for token in range(2)]
    scheduler.submit(first)
    step(scheduler, decoder)
    step(scheduler, decoder)
    late = [sequence(10 + token, 100, caller="late") for token in range(3)]
    scheduler.submit(late)
    scheduler.end(first[0])
    order = []
    while scheduler.has_work:
        step(scheduler, decoder)
        for one in list(scheduler.live):
            if one.started:
                order.append(one.caller)
                scheduler.end(one)
    assert "first" in order[:2]


def test_choices_of_one_prompt_read_it_once():
    """Of n choices the first reads the prompt, and the others begin with its last token."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=4, batch=512)
    prompt = prompt_of(3, 200)
    choices = [Sequence(prompt, 260, index=index) for index in range(4)]
    scheduler.submit(choices)
    while not all(choice.started for choice in choices):
        step(scheduler, decoder)
    read = sum(feed.count for feeds in decoder.batches for feed in feeds if not feed.is_writing)
    assert 200 + 3 == read


def test_a_short_prompt_overtakes_a_long_one_that_still_moves_on():
    """Short prompts are answered early, and the long one gets at least a quarter of each batch."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=3, batch=64)
    long, short = sequence(1, 1000), sequence(2, 40)
    scheduler.submit([long, short])
    reads = []
    while not short.started:
        feeds = step(scheduler, decoder)
        reads.append(sum(feed.count for feed in feeds if feed.sequence is long))
    assert not long.started
    assert min(reads) >= FIRST_CHUNK // 4


def test_streams_are_moved_together():
    """A gap between running slots is closed, since only neighbours are decoded together; nothing is lost by it."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=4)
    sequences = [sequence(token, 20 + token) for token in range(4)]
    scheduler.submit(sequences)
    step(scheduler, decoder)
    step(scheduler, decoder)
    scheduler.end(sequences[1])
    scheduler.end(sequences[2])
    step(scheduler, decoder)
    assert {0, 1} == {one.slot.number for one in scheduler.live}
    for one in scheduler.live:
        assert decoder.slots[one.slot.number] == one.tokens[: one.read].tolist()


def test_a_cancelled_sequence_is_gone_from_the_next_batch():
    """Waiting, reading or writing: after `end` a sequence is in no batch."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=2)
    writing, reading, waiting = sequence(1), sequence(2, 500), sequence(3)
    scheduler.submit([writing, reading, waiting])
    step(scheduler, decoder)
    step(scheduler, decoder)
    assert writing.started
    assert not reading.started
    for one in (writing, reading, waiting):
        scheduler.end(one)
        assert one not in {feed.sequence for feeds in scheduler.plan() for feed in feeds}
    assert not scheduler.has_work


def test_a_lost_memory_is_read_again():
    """After the attention memory is lost, streams are read again from their first token, before any new one."""
    decoder = FakeDecoder()
    scheduler = scheduler_of(decoder, parallel=1)
    running, waiting = sequence(1), sequence(2)
    scheduler.submit([running, waiting])
    for _ in range(5):
        step(scheduler, decoder)
    written = running.written
    decoder.rebuild()
    scheduler.lose_memory()
    feeds = step(scheduler, decoder)
    assert [(running, 0, 10 + written)] == [(feed.sequence, feed.start, feed.count) for feed in feeds]


def pace_of(writing_s: float = 0.010, token_s: float = 0.001) -> Pace:
    pace = Pace()
    pace.observe_writing(1, writing_s)
    pace.observe_reading(100, 100 * token_s)
    return pace


def test_the_pace_stretches_a_step_no_further_than_promised():
    """Beside settled streams a step takes at most `MAX_STRETCH` times what they are used to, however long it goes on."""
    pace, used_to_s = pace_of(), 0.010
    for _ in range(50):
        pace.observe_step(used_to_s)
        step_s = 0.010 + pace.allowance(1, YOUNG_TOKENS + 1, 512) * 0.001
        assert step_s <= MAX_STRETCH * used_to_s
        used_to_s = step_s
        assert step_s <= MAX_SLOWDOWN * 0.010
    assert step_s > MAX_STRETCH * 0.010


def test_the_pace_lets_prompts_pass_young_streams():
    """Streams that have just begun do not slow down the prompts beside them."""
    pace = pace_of()
    assert pace.allowance(1, YOUNG_TOKENS, 512) > 4 * pace.allowance(1, YOUNG_TOKENS + 1, 512)


def test_the_pace_knows_that_more_streams_take_longer():
    """What one stream takes says what eight take, until that has been seen."""
    pace = pace_of()
    assert pytest.approx(0.080) == pace.writing_s(8)
    pace.observe_writing(8, 0.040)
    assert (0.040, 0.010) == (pace.writing_s(8), pace.writing_s(1))
