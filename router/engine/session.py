"""Everything of one child, put together: the model, the loop, and what each command means."""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from router.engine import native, wire
from router.engine.constraint import NativeConstraint
from router.engine.context import Context, Shape
from router.engine.embedding import EmbeddingSession
from router.engine.invalid import InvalidError
from router.engine.native import Loading, Model, ModelError
from router.engine.prepare import Preparer
from router.engine.prompt import Prompter
from router.engine.scheduler import Limits
from router.engine.settings import Settings, default_cells
from router.engine.template_library import BUILT_IN
from router.engine.templates import ChatTemplate, TemplateError
from router.engine.worker import Forget, Stop, Worker

MAX_SLOTS: Final = 256
BATCH_TOKENS: Final = 512

Send = Callable[[list[wire.Event]], None]
Result = TypeVar("Result")
Question: TypeAlias = wire.Count | wire.Tokenize | wire.Detokenize | wire.Embed


class LoadError(Exception):
    """The model cannot be served as asked; the message is for a person."""


class Session:
    """One loaded model, its loop, and the pool that prepares requests off the decode thread."""

    def __init__(self, how: Settings, model: Model, send: Send) -> None:
        limits = _limits(how, model)
        self._how = how
        self._cells = limits.slots * how.context
        self._model = model
        self._send = send
        self._context = Context(model, _shape(how, limits))
        self._worker = Worker(model, self._context, limits, send)
        template = _template(how, model)
        self._prompter = Prompter(model, template)
        self._preparer = Preparer(model, self._prompter, how.context, partial(NativeConstraint.compile, model))
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="prepare")
        self._lock = threading.Lock()
        self._preparing: dict[int, bool] = {}
        self.hello: Final = wire.Hello(
            pid=os.getpid(),
            context=how.context,
            parallel=how.parallel,
            vocab=model.vocab_size,
            description=model.description,
            has_template=template is not None,
            is_embedding=False,
            adapters=sorted(model.adapters),
        )

    def run(self) -> None:
        """Decode until `stop`."""
        self._worker.run()

    def stop(self) -> None:
        """Leave `run` after the step at hand; safe from any thread."""
        self._worker.inbox.put(Stop())

    def take(self, command: wire.Command) -> None:
        """Act on a command, or hand it on; never waits."""
        if isinstance(command, wire.Ping):
            self._send([self._worker.pong(command.id, self._cells)])
        elif isinstance(command, wire.Cancel):
            self._cancel(command.id)
        elif isinstance(command, wire.Submit):
            self._submit(command)
        else:
            self._pool.submit(self._answer, command)

    def _submit(self, submit: wire.Submit) -> None:
        with self._lock:
            is_full = len(self._preparing) >= self._how.parallel + self._how.queue
            if not is_full:
                self._preparing[submit.id] = False
        if is_full:
            wait_s = self._worker.load.wait_ms / 1000
            self._send([wire.Failed(submit.id, "overloaded", "the local model's queue is full", None, wait_s)])
        else:
            self._pool.submit(self._prepare, submit)

    def _cancel(self, id: int) -> None:  # noqa: A002 - the wire's own name
        with self._lock:
            if id in self._preparing:
                self._preparing[id] = True
            else:
                self._worker.inbox.put(Forget(id))

    def _prepare(self, submit: wire.Submit) -> None:
        prepared = _attempt(submit.id, partial(self._preparer.prepare, submit))
        with self._lock:
            is_cancelled = self._preparing.pop(submit.id)
            if not isinstance(prepared, wire.Failed) and not is_cancelled:
                self._worker.inbox.put(prepared)
                return
        self._send(
            [prepared if isinstance(prepared, wire.Failed) and not is_cancelled else wire.Used(submit.id, 0, 0, 0)]
        )

    def _answer(self, command: Question) -> None:
        self._send([_attempt(command.id, partial(self._reply, command))])

    def _reply(self, command: Question) -> wire.Event:
        if isinstance(command, wire.Count):
            return wire.Counted(command.id, self._preparer.count(command))
        if isinstance(command, wire.Tokenize):
            return wire.Tokenized(command.id, self._prompter.tokens(command.text, add_special=command.add_special))
        if isinstance(command, wire.Detokenize):
            self._preparer.check_tokens(command.tokens, "tokens")
            return wire.Detokenized(command.id, self._model.detokenize(command.tokens))
        raise InvalidError("this model writes text and does not embed", "model")


def load(how: Settings, send: Send) -> Session | EmbeddingSession:
    """Load the model file. Raises `LoadError`."""
    native.start(verbose=how.verbose)
    try:
        model = Model(Path(how.model), Loading(how.gpu_layers, how.mmap, how.mlock))
        for name, path in how.adapters.items():
            model.load_adapter(name, Path(path))
        return EmbeddingSession(how, model, send) if model.is_embedding else Session(how, model, send)
    except (ModelError, TemplateError) as error:
        raise LoadError(str(error)) from error


def _attempt(id: int, work: Callable[[], Result]) -> Result | wire.Failed:  # noqa: A002 - the wire's own name
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the pool's boundary: a request must always be answered
        return _refusal(id, error)


def _refusal(id: int, error: Exception) -> wire.Failed:  # noqa: A002 - the wire's own name
    if isinstance(error, InvalidError):
        return wire.Failed(id, error.code, error.message, error.param)
    # Where, not what: the words of an unexpected error may hold a prompt.
    where = "".join(traceback.format_tb(error.__traceback__))
    sys.stderr.write(f"preparing failed with {type(error).__name__}:\n{where}")
    return _internal(id)


def _internal(id: int) -> wire.Failed:  # noqa: A002 - the wire's own name
    return wire.Failed(id, "internal", "the local model could not prepare this request")


def _template(how: Settings, model: Model) -> ChatTemplate | None:
    if how.template is not None and how.template not in BUILT_IN:
        raise TemplateError(
            f"there is no built-in chat template {how.template!r}; there are {', '.join(sorted(BUILT_IN))}"
        )
    source = BUILT_IN[how.template] if how.template else model.template
    return ChatTemplate(source, bos=model.special("bos"), eos=model.special("eos")) if source else None


def _limits(how: Settings, model: Model) -> Limits:
    if how.context > model.trained_context:
        raise LoadError(f"context {how.context}: the model was trained with {model.trained_context} tokens at most")
    slots = (how.cells or default_cells(how.context, how.parallel)) // how.context
    if not how.parallel <= slots <= MAX_SLOTS:
        raise LoadError(
            f"there would be {slots} windows of {how.context} tokens; from {how.parallel} to {MAX_SLOTS} can be"
        )
    batch = max(slots, min(BATCH_TOKENS, how.context))
    return Limits(how.parallel, how.queue, slots, batch, how.vault_mib << 20, model.can_share_prefixes)


def _shape(how: Settings, limits: Limits) -> Shape:
    threads = how.threads or max(1, (os.cpu_count() or 2) - 1)
    return Shape(how.context, limits.slots, limits.batch, threads, _flash_attention(how), how.kv_type)


def _flash_attention(how: Settings) -> bool:
    if how.flash_attention is not None:
        return how.flash_attention
    # On a CPU it is two to three times slower per row at a depth of 1,200 tokens; quantized values cannot do without.
    return how.gpu_layers != 0 or how.kv_type.startswith("q")
