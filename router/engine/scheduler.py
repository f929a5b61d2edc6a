"""What goes into the next batch. Pure: no clock, no llama.cpp, no sampling; the only effects are `prefix.Memory`'s.

    plan():   admit  ->  one token for each stream that is writing  ->  prompt chunks in what room is left
    settle(): the batch was decoded; what was planned is now read

A sequence waits, is live (holds a strip of the attention memory and a place among `parallel`), or is over. When the
memory is full, retired strips go first, then the youngest live sequence returns to the head of the line with what it
has written so far, and is read again later: its stream pauses and loses nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from router.engine.fair import FairQueue
from router.engine.pace import Pace
from router.engine.prefix import Memory, PrefixCache, Strip, Tokens, common
from router.engine.sequence import Phase, Sequence

WORTH_WAITING: Final = 32
"""A prompt waits for a neighbour that is reading the same prefix when that saves at least this many tokens."""


class QueueFullError(Exception):
    """The bounded queue is full; `wait_s` is when to come back."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("the queue is full")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: live sequences, waiting ones, cells of attention memory, slots, tokens in a batch."""

    parallel: int
    queue: int
    cells: int
    slots: int
    batch: int
    share_prefixes: bool = True


@dataclass(frozen=True, slots=True)
class Feed:
    """`count` tokens of one sequence for the next batch, from position `start`."""

    sequence: Sequence
    slot: int
    start: int
    count: int
    wants_logits: bool

    @property
    def is_writing(self) -> bool:
        """True when this reads back a token of the answer, to choose the next."""
        return self.count == 1 and self.start >= self.sequence.prompt

    @property
    def tokens(self) -> Tokens:
        """The tokens to read."""
        return self.sequence.room[self.start : self.start + self.count]


class Scheduler:
    """Admission, batches, preemption and the wait estimate."""

    def __init__(self, memory: Memory, limits: Limits) -> None:
        self.limits: Final = limits
        self.cache: Final = PrefixCache(memory, limits.cells, limits.slots, keep=limits.share_prefixes)
        self.pace: Final = Pace()
        self.live: Final[list[Sequence]] = []
        self.preempted_total = 0
        self._queue: Final = FairQueue()
        self._service_s = 0.0

    @property
    def queued(self) -> int:
        """Sequences that wait."""
        return len(self._queue)

    @property
    def has_work(self) -> bool:
        """True when `plan` may have something to do."""
        return bool(self.live) or bool(self._queue)

    def submit(self, sequences: list[Sequence]) -> None:
        """Take the choices of one request, all or none. Raises `QueueFullError`."""
        places = self.limits.parallel - len(self.live) + self.limits.queue
        if self.queued + len(sequences) > places and self.has_work:
            raise QueueFullError(self.wait_s())
        for sequence in sequences:
            self._queue.push(sequence)

    def end(self, sequence: Sequence) -> None:
        """The sequence is complete or cancelled, wherever it is: its place is free at once, its prefix is kept."""
        if sequence.phase is Phase.WAITING:
            self._queue.remove(sequence)
        elif sequence.phase is Phase.LIVE and sequence.strip is not None:
            self.live.remove(sequence)
            self.cache.retire(sequence.strip)
        sequence.phase, sequence.strip = Phase.OVER, None
        self._queue.settle({other.caller for other in self.live})

    def plan(self) -> list[Feed]:
        """The next batch; empty when there is nothing to do."""
        self._admit()
        feeds = self._batch()
        while not feeds and self._preempt():
            feeds = self._batch()
        return feeds

    def _batch(self) -> list[Feed]:
        feeds = [feed for sequence in tuple(self.live) if (feed := self._writing(sequence))]
        # A preemption may have taken back one that was planned already.
        feeds = [feed for feed in feeds if feed.sequence.phase is Phase.LIVE]
        return feeds + self._reading(len(feeds))

    def settle(self, feeds: Iterable[Feed]) -> None:
        """The batch was decoded: account for it."""
        for feed in feeds:
            self._queue.charge(feed.sequence.caller, feed.count)

    def observe(self, feeds: list[Feed], seconds: float) -> None:
        """How long the step took, for the pace of prompt chunks."""
        writers = sum(feed.is_writing for feed in feeds)
        self.pace.observe(sum(feed.count for feed in feeds) - writers, writers, seconds)

    def observe_service(self, seconds: float) -> None:
        """How long a sequence took from admission to its end, for the wait estimate."""
        self._service_s = seconds if not self._service_s else self._service_s * 0.8 + seconds * 0.2

    def wait_s(self) -> float:
        """How long a request that came now would wait for a place: those ahead, at the recent time for each."""
        ahead = self.queued + len(self.live) - self.limits.parallel + 1
        return max(0, ahead) * self._service_s / self.limits.parallel

    def lose_memory(self) -> None:
        """The real memory was lost: every live sequence returns to the line and is read again from its first token."""
        for sequence in reversed(self.live):
            sequence.strip, sequence.phase = None, Phase.WAITING
            self._queue.give_back(sequence)
        self.live.clear()
        self.cache.forget_all()

    def _admit(self) -> None:
        while len(self.live) < self.limits.parallel and self._queue:
            if not any(self._try_admit(sequence) for sequence in self._queue.candidates()):
                return

    def _try_admit(self, sequence: Sequence) -> bool:
        source = self.cache.match(sequence.tokens, sequence.group)
        if self._is_being_read(sequence, source[0]):
            return False
        # What the live ones still have to read is spoken for, and each writes on.
        needed = sequence.length - source[0] + sum(other.pending + 1 for other in self.live)
        if self.live and not self.cache.make_room(needed, besides=source[1]):
            return False
        strip = self.cache.open(sequence.room, source, sequence.group)
        if strip is None:
            return False
        self._queue.remove(sequence)
        self._start(sequence, strip)
        return True

    def _start(self, sequence: Sequence, strip: Strip) -> None:
        sequence.strip, sequence.phase = strip, Phase.LIVE
        if not sequence.started:
            sequence.reused = strip.length
        self.live.append(sequence)

    def _is_being_read(self, sequence: Sequence, known: int) -> bool:
        """True when a live neighbour is about to have read much more of the same prefix than anyone has now."""
        if not self.limits.share_prefixes:
            return False
        return any(
            other.pending > 1
            and other.group == sequence.group
            and common(sequence.tokens[:-1], other.tokens) - max(known, other.read) >= WORTH_WAITING
            for other in self.live
        )

    def _writing(self, sequence: Sequence) -> Feed | None:
        if not sequence.is_writing or sequence.strip is None:
            return None
        while not self.cache.make_room(1):
            if not self._preempt():
                return None
            if sequence.phase is not Phase.LIVE:
                return None
        return self._feed(sequence, sequence.strip, 1)

    def _preempt(self) -> bool:
        """Send the youngest live sequence back to the line; False when there is only one."""
        if len(self.live) < 2:
            return False
        victim = self.live.pop()
        if victim.strip is not None:
            self.cache.abandon(victim.strip)
        victim.strip, victim.phase = None, Phase.WAITING
        self._queue.give_back(victim)
        self.preempted_total += 1
        return True

    def _reading(self, writers: int) -> list[Feed]:
        readers = [sequence for sequence in self.live if sequence.strip and not sequence.is_writing]
        if not readers:
            return []
        room = self.pace.allowance(writers, self.limits.batch - writers)
        # The oldest is sure of a quarter, so that short prompts overtake it and never starve it.
        feeds: list[Feed] = []
        oldest, *others = readers
        if others and oldest.pending > room:
            feeds += self._chunk(oldest, max(1, room // 4))
        taken = sum(feed.count for feed in feeds)
        for sequence in sorted(others if feeds else readers, key=lambda one: one.pending):
            chunk = self._chunk(sequence, room - taken)
            feeds += chunk
            taken += sum(feed.count for feed in chunk)
        return feeds

    def _chunk(self, sequence: Sequence, room: int) -> list[Feed]:
        count = min(sequence.pending, room)
        if count < 1 or sequence.strip is None or not self.cache.make_room(count):
            return []
        return [self._feed(sequence, sequence.strip, count)]

    def _feed(self, sequence: Sequence, strip: Strip, count: int) -> Feed:
        start, is_last = strip.length, count == sequence.pending
        self.cache.grow(strip, count)
        return Feed(sequence, strip.slot, start, count, is_last)
