"""One choice as it is written: a row of logits in, events for the parent out."""

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from router.engine.confidence import Floats, Reader, Reading, Tally
from router.engine.sampling import Constraint, Sampler, Scratch
from router.engine.sequence import Sequence
from router.engine.text import TextStream
from router.engine.wire import Confidence, Event, Finished, Piece, Sampling, TokenLogprob, ToolDelta, TopToken

Reason = Literal["stop", "length", "tool_calls"]


class Vocabulary(Protocol):
    """What an answer has to know of the model."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""

    @property
    def end_tokens(self) -> npt.NDArray[np.int32]:
        """The tokens that end an answer."""

    def is_end(self, token: int) -> bool:
        """True for a token that ends an answer."""

    def piece(self, token: int) -> bytes:
        """The bytes the token adds to the text."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a piece of the model's text means: plain text, or part of tool call number `call`."""

    text: str
    call: int | None = None
    call_id: str | None = None
    name: str | None = None


class ToolParser(Protocol):
    """Finds tool calls in what the model writes."""

    @property
    def calls(self) -> int:
        """Tool calls begun so far."""

    def push(self, text: str) -> list[Part]:
        """What the next text means, as far as that is known."""

    def finish(self) -> list[Part]:
        """What was held back."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request wants its answers: the checked fields of `Submit`."""

    sampling: Sampling = field(default_factory=Sampling)
    stops: tuple[str, ...] = ()
    top_logprobs: int | None = None
    ignore_eos: bool = False
    confidence_at: frozenset[int] = frozenset()
    is_chat: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """What one choice is held to: a grammar's constraint, and who finds tool calls in its text."""

    constraint: Constraint | None = None
    parser: ToolParser | None = None


FREE: Final = Guide()


@dataclass(slots=True)
class Desk:
    """What every answer of a thread shares: the vocabulary and the scratch buffers."""

    vocabulary: Vocabulary
    reader: Reader = field(init=False)
    scratch: Scratch = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.vocabulary.vocab_size)
        self.scratch = Scratch(self.vocabulary.vocab_size)


class Answer:
    """Writes one choice of a request; `reason` is set when it is complete."""

    def __init__(self, request: int, sequence: Sequence, terms: Terms, desk: Desk, guide: Guide = FREE) -> None:
        self.id: Final = request
        self.sequence: Final = sequence
        self.reason: Reason | None = None
        self._terms = terms
        self._desk = desk
        self._constraint = guide.constraint
        self._parser = guide.parser
        self._text = TextStream(terms.stops, drops_space=terms.is_chat)
        self._tally = Tally()
        self._unsent_tokens = 0
        self._unsent_logprobs: list[TokenLogprob] = []
        banned = desk.vocabulary.end_tokens if terms.ignore_eos else None
        self._sampler = Sampler(terms.sampling, sequence.index, sequence.tokens, banned)

    def hear(self, row: Floats) -> list[Event]:
        """Choose the next token from its logits, and say what became known. The row may be changed."""
        reading = self._desk.reader.read(row)
        keep = self._sampler.changes or self._constraint is not None
        own = row.copy() if keep else row
        token = self._sampler.choose(row, reading.best, self._desk.scratch, self._constraint)
        if token < 0:
            return self._end("stop")
        self.sequence.append(token)
        logprob = float(own[token]) - reading.log_sum
        self._tally.add(logprob, reading)
        if self._desk.vocabulary.is_end(token):
            return self._end("stop")
        return self._write(token, own, logprob, reading)

    def _write(self, token: int, own: Floats, logprob: float, reading: Reading) -> list[Event]:
        if self._terms.top_logprobs is not None:
            self._unsent_logprobs.append(self._logprob(token, own, logprob, reading))
        self._unsent_tokens += 1
        events = self._say(self._text.push(self._desk.vocabulary.piece(token)))
        if self._tally.tokens in self._terms.confidence_at:
            events.append(self._confidence())
        if self._text.is_stopped:
            return events + self._end("stop")
        if self.sequence.length >= self.sequence.limit:
            return events + self._end("length")
        return events

    def _end(self, reason: Reason) -> list[Event]:
        events = self._say(self._text.finish())
        stop = self._text.stopped_by
        if self._parser is not None:
            events += self._tell(self._parser.finish())
            if self._parser.calls and reason == "stop":
                reason = "tool_calls"
        self.reason = reason
        return [*events, self._confidence(), Finished(self.id, self.sequence.index, reason, stop)]

    def _say(self, text: str) -> list[Event]:
        if not text:
            return []
        return self._tell([Part(text)] if self._parser is None else self._parser.push(text))

    def _tell(self, parts: list[Part]) -> list[Event]:
        return [self._event(part) for part in parts]

    def _event(self, part: Part) -> Event:
        index = self.sequence.index
        if part.call is not None:
            return ToolDelta(self.id, index, part.call, part.text, part.call_id, part.name)
        tokens, self._unsent_tokens = self._unsent_tokens, 0
        logprobs, self._unsent_logprobs = self._unsent_logprobs, []
        asked = self._terms.top_logprobs is not None
        return Piece(self.id, index, part.text, tokens, logprobs if asked else None)

    def _confidence(self) -> Confidence:
        tally = self._tally
        margin = tally.min_margin if tally.tokens else 0.0
        return Confidence(self.id, self.sequence.index, tally.tokens, tally.mean_logprob, tally.mean_entropy, margin)

    def _logprob(self, token: int, own: Floats, logprob: float, reading: Reading) -> TokenLogprob:
        wanted = min(self._terms.top_logprobs or 0, len(own))
        top: list[TopToken] = []
        if wanted:
            likeliest = np.argpartition(own, -wanted)[-wanted:]
            likeliest = likeliest[np.argsort(-own[likeliest], kind="stable")]
            top = [self._top(int(one), float(own[one]) - reading.log_sum) for one in likeliest]
        raw = self._desk.vocabulary.piece(token)
        return TokenLogprob(raw.decode("utf-8", "replace"), raw, logprob, top)

    def _top(self, token: int, logprob: float) -> TopToken:
        raw = self._desk.vocabulary.piece(token)
        return TopToken(raw.decode("utf-8", "replace"), raw, logprob)
