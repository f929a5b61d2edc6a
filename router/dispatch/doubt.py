"""Whether an answer is good enough, told from its events. Pure: no clock, no I/O."""

import json
import math
from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

from classifiers.conversation import user_text
from router.chat import ChatRequest, Chunk, Confidence, Event, Usage
from router.config import Line as PolicyLine
from router.policy.decision import Verification

Signal: TypeAlias = Literal["confidence", "json", "time"]

MARKS = 4  # how often a local model is asked for its confidence up to the last held token
NO_OPINION = 0.5  # the score of a prompt that nobody could judge
SLACK_PIECES = 16  # pieces after the last held token until a target that tells no confidence is let go


class Line(Protocol):
    """Tells good answers from bad ones."""

    def clears(self, first: Confidence, latest: Confidence) -> bool:
        """True when an answer with this confidence at its beginning, and so far in all, is good enough."""


class LogprobFloor:
    """The simplest line: a lowest mean log-probability of the tokens."""

    def __init__(self, floor: float) -> None:
        self._floor = floor

    def clears(self, first: Confidence, latest: Confidence) -> bool:  # noqa: ARG002 - the mean so far says it all
        """True from the floor up; a mean that is no number is not good enough."""
        return latest.mean_logprob >= self._floor


class ProbabilityLine:
    """A lowest probability of being good enough, by what was learned from answers. An unknown score says nothing."""

    def __init__(self, line: PolicyLine, score: float | None, prompt: str) -> None:
        self._likelihood = line.likelihood
        self._at_least = line.at_least
        self._score = NO_OPINION if score is None else score
        self._prompt = prompt

    def clears(self, first: Confidence, latest: Confidence) -> bool:
        """True from the line up; what is no number is not good enough."""
        whole = None if latest is first else latest.mean_logprob
        found = self._likelihood.probability(self._prompt, self._score, first.mean_logprob, whole, latest.tokens)
        return found >= self._at_least


def line_of(terms: Verification, request: ChatRequest) -> Line:
    """What tells good answers to `request` from bad ones."""
    if terms.line is not None and terms.floor is None:
        return ProbabilityLine(terms.line, terms.score, user_text(request.messages))
    return LogprobFloor(-math.inf if terms.floor is None else terms.floor)


class Doubt:
    """Reads the events of one answer. `signal` says what is wrong with it, None while nothing is."""

    def __init__(self, terms: Verification, request: ChatRequest, line: Line | None = None) -> None:
        self.signal: Signal | None = None
        self.is_settled = False
        self.usage: Usage | None = None
        self.pieces = 0
        self._terms = terms
        self._line = line or line_of(terms, request)
        self._first: Confidence | None = None
        self._latest: Confidence | None = None
        self._format = _format_of(request)
        self._text: list[str] = []

    @property
    def marks(self) -> tuple[int, ...]:
        """After which numbers of tokens the confidence is asked for: up to the last held one, for when time runs out."""
        held = self._terms.hold_tokens
        return tuple(sorted({max(1, held * part // MARKS) for part in range(1, MARKS + 1)}))

    @property
    def max_added_s(self) -> float:
        """How long the client may be kept waiting."""
        return self._terms.max_added_ms / 1000

    def see(self, event: Event) -> None:
        """Take the next event; after `hold_tokens` tokens the beginning of the answer is settled."""
        if isinstance(event, Confidence):
            self._latest = event
            if event.tokens >= self._terms.hold_tokens:
                self._settle()
        elif isinstance(event, Usage):
            self.usage = event
        else:
            self._see_chunk(event)

    def _see_chunk(self, chunk: Chunk) -> None:
        self.pieces += 1
        if chunk.index == 0 and self._format is not None:
            self._text.append(str(chunk.delta.get("content") or ""))
        if self.pieces > self._terms.hold_tokens + SLACK_PIECES:
            self._settle()

    def end(self) -> None:
        """The answer is whole: what was held back or is not streamed is judged as such."""
        if self._format is not None and not _is_json("".join(self._text)):
            self.signal = "json"
        self._settle()

    def run_out(self) -> None:
        """There is no more time: what is known decides, and a target that has said nothing yet is too slow."""
        self._settle()
        if self.pieces == 0:
            self.signal = self.signal or "time"

    def _settle(self) -> None:
        self.is_settled = True
        if self._latest is not None:
            self._first = self._first or self._latest
        if self._first is not None and self._latest is not None and not self._line.clears(self._first, self._latest):
            self.signal = self.signal or "confidence"
        begin = "".join(self._text).lstrip()
        if self._format == "json_object" and begin and not begin.startswith("{"):
            self.signal = "json"


def _format_of(request: ChatRequest) -> str | None:
    """`json_object` or `json_schema` where the answer has to be JSON; a tool call is none of either."""
    wanted = request.params.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    is_json = kind in {"json_object", "json_schema"} and not request.params.get("tools")
    return str(kind) if is_json else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
