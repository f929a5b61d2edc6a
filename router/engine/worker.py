"""The run loop: one thread that owns the llama.cpp context and everything that changes while requests run."""

import time
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final, Protocol, TypeAlias

from router.engine.answer import Answer, Desk, Vocabulary
from router.engine.confidence import Floats
from router.engine.context import DecodeError
from router.engine.prefix import Memory
from router.engine.prepare import Job
from router.engine.scheduler import Feed, Limits, QueueFullError, Scheduler
from router.engine.sequence import Phase, Sequence
from router.engine.wire import Event, Failed, Pong, Used

Clock: TypeAlias = Callable[[], float]


class Decoder(Memory, Protocol):
    """What the loop needs of a context; `Context` is the real one."""

    def decode(self, feeds: Many[Feed]) -> Floats:
        """Run one batch: a row of logits for each feed that wants one, in order. Raises `DecodeError`."""

    def rebuild(self) -> None:
        """Begin again with an empty attention memory, in a new context."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Cancel request `id`."""

    id: int


class Stop:
    """Leave the loop."""


Item: TypeAlias = Job | Forget | Stop


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the loop is; made by the loop, read by any thread."""

    queued: int = 0
    live: int = 0
    wait_ms: float = 0.0
    kv_used: int = 0
    tokens_per_s: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class _Totals:
    prompt: int = 0
    cached: int = 0
    written: int = 0


@dataclass(slots=True)
class _Request:
    """A request that runs, and its choices."""

    job: Job
    answers: list[Answer] = field(default_factory=list)

    @property
    def used(self) -> Used:
        """What was computed: of a prompt that was cancelled before its first token, what was read of it."""
        first = self.answers[0].sequence
        written = sum(answer.sequence.written for answer in self.answers)
        return Used(self.job.id, first.prompt if first.started else first.read, written, first.reused)


class Worker:
    """Takes jobs from `inbox`, decodes, and hands each step's events to `send`."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        decoder: Decoder,
        limits: Limits,
        send: Callable[[list[Event]], None],
        clock: Clock = time.perf_counter,
    ) -> None:
        self.inbox: Final[SimpleQueue[Item]] = SimpleQueue()
        self.scheduler: Final = Scheduler(decoder, limits)
        self.load = Load()
        self.step_began = 0.0
        self._decoder = decoder
        self._desk = Desk(vocabulary)
        self._send = send
        self._clock = clock
        self._requests: dict[int, _Request] = {}
        self._answers: dict[Sequence, Answer] = {}
        self._began: dict[Sequence, float] = {}
        self._events: list[Event] = []
        self._failures = 0
        self._totals = _Totals()
        self._rate = 0.0

    def run(self) -> None:
        """Work until `Stop` arrives."""
        while self._take():
            self.step()
            self.flush()

    def _take(self) -> bool:
        """Handle what has arrived; wait for something when there is nothing to decode. False to stop."""
        while not self.scheduler.has_work or not self.inbox.empty():
            item = self.inbox.get()
            if isinstance(item, Stop):
                return False
            self.handle(item)
            self.flush()
        return True

    def handle(self, item: Job | Forget) -> None:
        """Accept or refuse a job, or cancel one."""
        if isinstance(item, Job):
            self._accept(item)
        elif request := self._requests.get(item.id):
            self._close(request)

    def flush(self) -> None:
        """Publish the load, then send the events that have gathered: who has seen an answer's end sees its load too."""
        scheduler, totals = self.scheduler, self._totals
        self.load = Load(
            scheduler.queued,
            len(scheduler.live),
            scheduler.wait_s() * 1000,
            scheduler.cache.used,
            self._rate,
            totals.prompt,
            totals.cached,
            totals.written,
        )
        if self._events:
            events, self._events = self._events, []
            self._send(events)

    def step(self) -> None:
        """Plan, decode and sample: first the streams that are writing, then chunks of prompts."""
        self.step_began = self._clock()
        try:
            for feeds in self.scheduler.plan():
                if feeds:
                    self._decode(feeds)
                    self.flush()
        except DecodeError:
            self._recover()
        self.step_began = 0.0

    def _decode(self, feeds: list[Feed]) -> None:
        began = self._clock()
        rows = self._decoder.decode(feeds)
        self._failures = 0
        for feed in feeds:
            self._began.setdefault(feed.sequence, began)
        self.scheduler.settle(feeds, self._clock() - began)
        self._hear([feed.sequence for feed in feeds if feed.wants_logits], rows)
        self._rate += 0.1 * (len(rows) / max(self._clock() - began, 1e-9) - self._rate)

    def _hear(self, speakers: list[Sequence], rows: Floats) -> None:
        for sequence, row in zip(speakers, rows, strict=True):
            answer = self._answers[sequence]
            self._events += answer.hear(row)
            self._totals.written += 1
            if answer.reason is not None:
                self._complete(answer)

    def _complete(self, answer: Answer) -> None:
        self._release(answer)
        request = self._requests[answer.id]
        if all(one.reason is not None for one in request.answers):
            self._close(request)

    def _release(self, answer: Answer) -> None:
        self.scheduler.end(answer.sequence)
        del self._answers[answer.sequence]
        began = self._began.pop(answer.sequence, None)
        if began is not None:
            self.scheduler.observe_service(self._clock() - began)

    def _close(self, request: _Request) -> None:
        """End what still runs of the request, and account for it."""
        used = request.used
        self._drop(request)
        self._totals.prompt += used.prompt_tokens
        self._totals.cached += used.cached_tokens
        self._events.append(used)

    def _drop(self, request: _Request) -> None:
        for answer in request.answers:
            if answer.sequence in self._answers:
                self._release(answer)
        del self._requests[request.job.id]

    def _accept(self, job: Job) -> None:
        request = _Request(job)
        for index, guide in enumerate(job.guides):
            sequence = Sequence(job.prompt, job.limit, caller=job.caller, index=index, group=job.group)
            request.answers.append(Answer(job.id, sequence, job.terms, self._desk, guide))
        if not self._enter(job.id, [answer.sequence for answer in request.answers]):
            return
        self._requests[job.id] = request
        self._answers.update({answer.sequence: answer for answer in request.answers})

    def _enter(self, id: int, sequences: list[Sequence]) -> bool:  # noqa: A002 - the wire's own name
        """Queue the choices of a request. Where another caller fills the queue, its newest requests make room."""
        try:
            self.scheduler.submit(sequences)
        except QueueFullError as full:
            crowding = {self._answers[sequence].id for sequence in full.crowding}
            is_refused = not crowding or any(self._has_begun(one) for one in crowding)
            for one in (id,) if is_refused else sorted(crowding):
                self._refuse(one, full.wait_s)
            return not is_refused and self._enter(id, sequences)
        return True

    def _has_begun(self, id: int) -> bool:  # noqa: A002 - the wire's own name
        return any(answer.sequence.phase is not Phase.WAITING for answer in self._requests[id].answers)

    def _refuse(self, id: int, wait_s: float) -> None:  # noqa: A002 - the wire's own name
        if request := self._requests.get(id):
            self._drop(request)
        self._events.append(Failed(id, "overloaded", "the local model's queue is full", retry_after_s=wait_s))

    def _recover(self) -> None:
        """The attention memory is lost: read everything again, in a new context. The second time in a row, give up."""
        self._failures += 1
        self.scheduler.lose_memory()
        self._decoder.rebuild()
        if self._failures < 2:
            return
        for request in tuple(self._requests.values()):
            self._drop(request)
            self._events.append(Failed(request.job.id, "internal", "the local model could not compute this request"))

    def pong(self, id: int, kv_size: int) -> Pong:  # noqa: A002 - the wire's own name
        """The load as an answer to a ping; safe from any thread."""
        load = self.load
        return Pong(
            id,
            load.queued,
            load.live,
            load.wait_ms,
            load.kv_used,
            kv_size,
            load.tokens_per_s,
            load.prompt_tokens,
            load.cached_tokens,
            load.completion_tokens,
            (self._clock() - began) * 1000 if (began := self.step_began) else 0.0,
        )
