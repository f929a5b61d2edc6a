"""What goes into the next batch. Pure: no clock, no llama.cpp, no sampling; the only effects are `prefix.Memory`'s.

    plan():   admit  ->  one token for each stream that is writing  ->  prompt chunks, as much as the streams can bear
    settle(): a batch was decoded; charge it to the callers and learn its pace

A sequence waits, is live (holds a slot, a whole window of the attention memory), or is over.
"""

from dataclasses import dataclass
from typing import Final

from router.engine.fair import FairQueue
from router.engine.pace import Pace
from router.engine.prefix import Memory, PrefixCache, Tokens, common
from router.engine.sequence import Phase, Sequence

WORTH_WAITING: Final = 32
"""A prompt waits for a neighbour that is reading the same prefix when that saves at least this many tokens."""

WORTH_MOVING: Final = 32
"""A stream is moved beside the others only when it has at least this many tokens to go."""

MOVABLE_TOKENS: Final = 4096
"""A move exchanges two windows' contents; over this many tokens it would be felt."""


class QueueFullError(Exception):
    """The bounded queue is full; `wait_s` is when to come back. `crowding` would have to leave to make room fairly."""

    def __init__(self, wait_s: float, crowding: list[Sequence]) -> None:
        super().__init__("the queue is full")
        self.wait_s = wait_s
        self.crowding = crowding


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: live sequences, waiting ones, slots (windows of attention memory), tokens in a batch, the vault's size."""

    parallel: int
    queue: int
    slots: int
    batch: int
    vault_bytes: int = 0
    share_prefixes: bool = True


@dataclass(frozen=True, slots=True)
class Feed:
    """`count` tokens of one sequence for a batch, from position `start`."""

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
    """Admission, batches and the wait estimate."""

    def __init__(self, memory: Memory, limits: Limits) -> None:
        self.limits: Final = limits
        self.cache: Final = PrefixCache(
            memory, limits.slots, vault_bytes=limits.vault_bytes, keep=limits.share_prefixes
        )
        self.pace: Final = Pace()
        self.live: Final[list[Sequence]] = []
        self._queue: Final = FairQueue()
        self._service_s = 0.0
        self._turns: dict[str, int] = {}
        self._step_s = 0.0
        self._has_written = False

    @property
    def queued(self) -> int:
        """Sequences that wait."""
        return len(self._queue)

    @property
    def has_work(self) -> bool:
        """True when `plan` has something to do."""
        return bool(self.live) or bool(self._queue)

    def submit(self, sequences: list[Sequence]) -> None:
        """Take the choices of one request, all or none. Raises `QueueFullError`."""
        count, places = len(sequences), self.limits.parallel - len(self.live) + self.limits.queue
        if self.queued + count > places and self.has_work:
            crowding = self._queue.crowding(sequences[0].caller, count, self.queued + count - places)
            raise QueueFullError(self.wait_s(), crowding)
        for sequence in sequences:
            self._queue.push(sequence)

    def end(self, sequence: Sequence) -> None:
        """The sequence is complete or cancelled, wherever it is: its place is free at once, its prefix is kept."""
        if sequence.phase is Phase.WAITING:
            self._queue.remove(sequence)
        elif sequence.slot is not None:
            self.live.remove(sequence)
            self.cache.retire(sequence.slot)
        sequence.phase, sequence.slot = Phase.OVER, None
        self._queue.settle({other.caller for other in self.live})

    def plan(self) -> tuple[list[Feed], list[Feed]]:
        """The next step: a batch of writers in the order of their slots, then one of prompt chunks; either may be empty."""
        self._finish_step()
        self._admit()
        self._close_ranks()
        group = self._group()
        writers = [sequence for sequence in self.live if sequence.is_writing and sequence.group == group]
        feeds = [feed for sequence in writers if (feed := self._feed(sequence, 1))]
        feeds.sort(key=lambda feed: feed.slot)
        return feeds, self._reading(writers, group)

    def settle(self, feeds: list[Feed], seconds: float) -> None:
        """These of the plan were decoded in `seconds`: charge the callers, and learn the pace."""
        for feed in feeds:
            self._queue.charge(feed.sequence.caller, feed.count)
        self._step_s += seconds
        if feeds[0].is_writing:
            self._has_written = True
            self.pace.observe_writing(len(feeds), seconds)
        else:
            self.pace.observe_reading(sum(feed.count for feed in feeds), seconds)

    def _finish_step(self) -> None:
        if self._has_written:
            self.pace.observe_step(self._step_s)
        self._step_s, self._has_written = 0.0, False

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
            sequence.slot, sequence.phase = None, Phase.WAITING
            self._queue.give_back(sequence)
        self.live.clear()
        self.cache.forget_all()

    def _admit(self) -> None:
        while len(self.live) < self.limits.parallel and self._queue:
            if not any(self._try_admit(sequence) for sequence in self._queue.candidates()):
                return

    def _try_admit(self, sequence: Sequence) -> bool:
        match = self.cache.match(sequence.tokens, sequence.group)
        if self._is_being_read(sequence, match.length):
            return False
        slot = self.cache.open(sequence.room, match, sequence.group)
        if slot is None:
            return False
        self._queue.remove(sequence)
        sequence.slot, sequence.phase = slot, Phase.LIVE
        if not sequence.started:
            sequence.reused = slot.length
        self.live.append(sequence)
        return True

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

    def _close_ranks(self) -> None:
        """Move one stream into the gap between others: llama.cpp batches neighbouring slots, and only those, together."""
        numbers = sorted(sequence.slot.number for sequence in self.live if sequence.slot)
        if len(numbers) < 2 or numbers[-1] - numbers[0] == len(numbers) - 1:
            return
        last = next(one for one in self.live if one.slot and one.slot.number == numbers[-1])
        gaps = [slot for slot in self.cache.idle() if numbers[0] < slot.number < numbers[-1]]
        gap = min(gaps, key=lambda slot: slot.length, default=None)
        if gap is None or last.slot is None or last.limit - last.length < WORTH_MOVING:
            return
        if last.slot.length + gap.length <= MOVABLE_TOKENS:
            self.cache.swap(last.slot, gap)

    def _group(self) -> str:
        """Whose turn it is: a batch runs under one adapter, and the groups that are live take turns."""
        groups = {sequence.group for sequence in self.live}
        self._turns = {group: turn for group, turn in self._turns.items() if group in groups}
        chosen = min(groups, key=lambda group: self._turns.get(group, -1), default="")
        self._turns[chosen] = max(self._turns.values(), default=-1) + 1
        return chosen

    def _reading(self, writers: list[Sequence], group: str) -> list[Feed]:
        readers = [one for one in self.live if one.group == group and not one.is_writing and one.pending]
        if not readers:
            return []
        oldest_stream = max((writer.written for writer in writers), default=0)
        room = self.pace.allowance(len(writers), oldest_stream, self.limits.batch)
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
        feed = self._feed(sequence, count) if count > 0 else None
        return [feed] if feed else []

    def _feed(self, sequence: Sequence, count: int) -> Feed | None:
        slot = sequence.slot
        if slot is None:
            return None
        start, is_last = slot.length, count == sequence.pending
        slot.length += count
        return Feed(sequence, slot.number, start, count, is_last)
