"""A child that serves an embedding model: texts of all requests share batches, each request in its turn."""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final, TypeAlias

from router.engine import wire
from router.engine.invalid import InvalidError
from router.engine.native import Model
from router.engine.pooling import EmbedError, PoolingContext, Shape, Vectors, normalised
from router.engine.settings import Settings, embedding_batch

MAX_INPUTS: Final = 2048
BATCH_TEXTS: Final = 64


@dataclass(slots=True)
class EmbedJob:
    """A request: its tokenised texts, those that are left, and the vectors so far."""

    id: int
    texts: list[list[int]]
    dimensions: int | None
    done: int = 0
    vectors: list[bytes] = field(default_factory=list)

    def keep(self, vector: Vectors) -> None:
        """The next vector in order."""
        cut = vector if self.dimensions is None else normalised(vector[: self.dimensions])
        self.vectors.append(cut.astype("<f4").tobytes())


class Stop:
    """Leave the loop."""


Item: TypeAlias = EmbedJob | int | Stop
"""A job, the id of one to cancel, or the end."""


class EmbeddingSession:
    """One loaded embedding model and its loop."""

    def __init__(self, how: Settings, model: Model, send: Callable[[list[wire.Event]], None]) -> None:
        window = min(how.context, model.trained_context)
        threads = how.threads or max(1, (os.cpu_count() or 2) - 1)
        self._context = PoolingContext(model, Shape(window, BATCH_TEXTS, embedding_batch(window), threads))
        self._model = model
        self._send = send
        self._queue_limit = how.parallel + how.queue
        self._inbox: SimpleQueue[Item] = SimpleQueue()
        self._jobs: deque[EmbedJob] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._lock = threading.Lock()
        self._waiting: set[int] = set()
        self._tokens = 0
        self.hello: Final = wire.Hello(
            pid=os.getpid(),
            context=window,
            parallel=how.parallel,
            vocab=model.vocab_size,
            description=model.description,
            has_template=False,
            is_embedding=True,
            dimensions=model.width,
        )

    def run(self) -> None:
        """Embed until `stop`."""
        while self._take():
            self._step()

    def stop(self) -> None:
        """Leave `run` after the batch at hand; safe from any thread."""
        self._inbox.put(Stop())

    def take(self, command: wire.Command) -> None:
        """Act on a command, or hand it on; never waits."""
        if isinstance(command, wire.Ping):
            self._send([self._pong(command.id)])
        elif isinstance(command, wire.Cancel):
            self._inbox.put(command.id)
        elif isinstance(command, wire.Embed) and not self._enter(command.id):
            self._send([wire.Failed(command.id, "overloaded", "the local model's queue is full", None, 1.0)])
        else:
            self._pool.submit(self._prepare, command)

    def _enter(self, id: int) -> bool:  # noqa: A002 - the wire's own name
        with self._lock:
            if len(self._waiting) >= self._queue_limit:
                return False
            self._waiting.add(id)
            return True

    def _leave(self, event: wire.Event, id: int) -> None:  # noqa: A002 - the wire's own name
        with self._lock:
            self._waiting.discard(id)
        self._send([event])

    def _prepare(self, command: wire.Submit | wire.Count | wire.Tokenize | wire.Detokenize | wire.Embed) -> None:
        refusal = InvalidError("this model embeds and does not write text", "model")
        try:
            if isinstance(command, wire.Embed):
                self._inbox.put(EmbedJob(command.id, self._texts(command), self._dimensions(command)))
                return
            if isinstance(command, wire.Tokenize):
                tokens = self._model.tokenize(command.text, add_special=command.add_special, parse_special=False)
                self._send([wire.Tokenized(command.id, tokens)])
                return
            if isinstance(command, wire.Detokenize):
                self._check(command.tokens, "tokens")
                self._send([wire.Detokenized(command.id, self._model.detokenize(command.tokens))])
                return
        except InvalidError as error:
            refusal = error
        self._leave(wire.Failed(command.id, refusal.code, refusal.message, refusal.param), command.id)

    def _dimensions(self, command: wire.Embed) -> int | None:
        if command.dimensions is not None and not 1 <= command.dimensions <= self._model.width:
            raise InvalidError(f"dimensions: it must be from 1 to {self._model.width}", "dimensions")
        return command.dimensions

    def _texts(self, command: wire.Embed) -> list[list[int]]:
        if not 1 <= len(command.inputs) <= MAX_INPUTS:
            raise InvalidError(f"input: from 1 to {MAX_INPUTS} texts", "input")
        return [self._text(given, at) for at, given in enumerate(command.inputs)]

    def _check(self, tokens: list[int], where: str) -> None:
        if any(not 0 <= token < self._model.vocab_size for token in tokens):
            why = f"{where}: a token id is outside 0..{self._model.vocab_size - 1}"
            raise InvalidError(why, where.partition("[")[0])

    def _text(self, given: str | list[int], at: int) -> list[int]:
        if not given:
            raise InvalidError(f"input[{at}]: it is empty", "input")
        tokens = given
        if isinstance(tokens, str):
            tokens = self._model.tokenize(tokens, add_special=True, parse_special=False)
        else:
            self._check(tokens, f"input[{at}]")
        if len(tokens) > self._context.shape.window:
            message = f"input[{at}] has {len(tokens)} tokens, and this model reads {self._context.shape.window}"
            raise InvalidError(message, "input", "context_length_exceeded")
        return tokens

    def _take(self) -> bool:
        while not self._jobs or not self._inbox.empty():
            item = self._inbox.get()
            if isinstance(item, Stop):
                return False
            if isinstance(item, EmbedJob):
                self._jobs.append(item)
            else:
                self._cancel(item)
        return True

    def _cancel(self, id: int) -> None:  # noqa: A002 - the wire's own name
        for job in tuple(self._jobs):
            if job.id == id:
                self._jobs.remove(job)
                self._leave(wire.Used(id, sum(map(len, job.texts[: job.done])), 0, 0), id)

    def _step(self) -> None:
        """One batch: a text of each request in turn, until it is full."""
        chosen = self._choose()
        try:
            vectors = self._context.embed([job.texts[at] for job, at in chosen])
        except EmbedError:
            for job in {id(job): job for job, _ in chosen}.values():
                self._jobs.remove(job)
                self._leave(wire.Failed(job.id, "internal", "the local model could not compute this request"), job.id)
            return
        for (job, at), vector in zip(chosen, vectors, strict=True):
            job.keep(vector)
            job.done = at + 1
            self._tokens += len(job.texts[at])
        self._answer()

    def _choose(self) -> list[tuple[EmbedJob, int]]:
        chosen: list[tuple[EmbedJob, int]] = []
        left = self._context.shape.batch
        taken = dict.fromkeys(map(id, self._jobs), 0)
        open_jobs = deque(self._jobs)
        while open_jobs and len(chosen) < BATCH_TEXTS:
            job = open_jobs.popleft()
            at = job.done + taken[id(job)]
            if at >= len(job.texts):
                continue
            if len(job.texts[at]) > left:
                break
            left -= len(job.texts[at])
            chosen.append((job, at))
            taken[id(job)] += 1
            open_jobs.append(job)
        self._jobs.rotate(-1)
        return chosen

    def _answer(self) -> None:
        for job in [job for job in self._jobs if job.done == len(job.texts)]:
            self._jobs.remove(job)
            self._leave(wire.Embedded(job.id, job.vectors, sum(map(len, job.texts))), job.id)

    def _pong(self, id: int) -> wire.Pong:  # noqa: A002 - the wire's own name
        return wire.Pong(id, len(self._waiting), len(self._jobs), 0.0, 0, 0, 0.0, self._tokens, 0, 0)
