"""From a `Submit` to a job that the engine can run: checked, rendered and tokenised, off the decode thread."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from router.engine.answer import Guide, Terms
from router.engine.guiding import Compile, callable_functions, guides
from router.engine.invalid import InvalidError
from router.engine.prefix import Tokens
from router.engine.prompt import NoTemplateError, Prompter
from router.engine.template_library import BUILT_IN
from router.engine.templates import MessagesRefusedError
from router.engine.wire import Count, JsonObject, Sampling, Submit

MAX_CHOICES: Final = 128
MAX_STOPS: Final = 16
MAX_STOP_CHARS: Final = 1024
MAX_TOP_LOGPROBS: Final = 20
MAX_MARKS: Final = 16
# Far beyond any use, and near enough that single precision never overflows.
MAX_TEMPERATURE: Final = 100
MAX_PENALTY: Final = 100
MAX_BIAS: Final = 1000


@dataclass(frozen=True, slots=True)
class Job:
    """A request that may be run: `limit` is the most tokens that prompt and answer may have together."""

    id: int
    caller: str
    prompt: Tokens
    limit: int
    guides: list[Guide]
    terms: Terms
    group: str = ""


class Vocabulary(Protocol):
    """What preparing needs of the model."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""

    @property
    def adapters(self) -> Mapping[str, object]:
        """The adapters that are loaded, by name."""


class Preparer:
    """Checks and renders for one model; may be called from several threads."""

    def __init__(self, vocabulary: Vocabulary, prompter: Prompter, context: int, compile_grammar: Compile) -> None:
        self._vocabulary = vocabulary
        self._compile = compile_grammar
        self._prompter = prompter
        self._context = context

    def prepare(self, submit: Submit) -> Job:
        """The job of a request. Raises `InvalidError`."""
        self._check_bounds(submit)
        _check_sampling(submit.sampling, self._vocabulary.vocab_size)
        prompt = self._prompt(submit)
        if not prompt:
            raise InvalidError("the prompt is empty", "prompt")
        left = self._context - len(prompt)
        if left < 1:
            raise InvalidError(
                f"the prompt has {len(prompt)} tokens, and this model's window is {self._context} with the answer",
                "messages" if submit.messages is not None else "prompt",
                "context_length_exceeded",
            )
        wanted = left if submit.max_tokens is None else min(left, submit.max_tokens)
        return Job(
            submit.id,
            submit.caller,
            np.array(prompt, np.int32),
            len(prompt) + wanted,
            guides(submit, self._compile),
            _terms(submit),
            submit.adapter or "",
        )

    def count(self, count: Count) -> int:
        """Length of a chat prompt in tokens. Raises `InvalidError`."""
        return len(self._chat(count.messages, count.tools))

    def _prompt(self, submit: Submit) -> list[int]:
        if submit.messages is not None:
            return self._chat(submit.messages, submit.tools if callable_functions(submit) else [])
        if isinstance(submit.prompt, str):
            return self._prompter.text(submit.prompt)
        self.check_tokens(submit.prompt or [], "prompt")
        return list(submit.prompt or [])

    def _chat(self, messages: list[JsonObject], tools: list[JsonObject]) -> list[int]:
        try:
            return self._prompter.chat(messages, tools)
        except MessagesRefusedError as error:
            raise InvalidError(error.why, "messages") from error
        except NoTemplateError as error:
            names = ", ".join(sorted(BUILT_IN))
            why = f"this model has no chat template; name one of {names} in its entry, or use /v1/completions"
            raise InvalidError(why, "messages") from error

    def check_tokens(self, tokens: list[int], param: str) -> None:
        """Raise `InvalidError` unless every id is in the vocabulary."""
        if any(not 0 <= token < self._vocabulary.vocab_size for token in tokens):
            raise InvalidError(f"a token id is outside 0..{self._vocabulary.vocab_size - 1}", param)

    def _check_bounds(self, submit: Submit) -> None:
        _require(submit.max_tokens is None or submit.max_tokens >= 1, "max_tokens", "it must be at least 1")
        _require(1 <= submit.n <= MAX_CHOICES, "n", f"it must be from 1 to {MAX_CHOICES}")
        _require(len(submit.stop) <= MAX_STOPS, "stop", f"at most {MAX_STOPS} strings")
        _require(
            all(0 < len(stop) <= MAX_STOP_CHARS for stop in submit.stop), "stop", f"1 to {MAX_STOP_CHARS} characters"
        )
        top = submit.top_logprobs
        _require(
            top is None or 0 <= top <= MAX_TOP_LOGPROBS, "top_logprobs", f"it must be from 0 to {MAX_TOP_LOGPROBS}"
        )
        _require(len(submit.confidence_at) <= MAX_MARKS, "confidence_at", f"at most {MAX_MARKS} marks")
        known = submit.adapter is None or submit.adapter in self._vocabulary.adapters
        _require(known, "adapter", "this model has none of that name")
        _require(
            (submit.messages is None) != (submit.prompt is None), "prompt", "either messages or a prompt is needed"
        )


def _check_sampling(sampling: Sampling, vocab_size: int) -> None:
    for name in ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty"):
        _require(math.isfinite(getattr(sampling, name)), name, "it must be a finite number")
    _require(0 <= sampling.temperature <= MAX_TEMPERATURE, "temperature", f"it must be from 0 to {MAX_TEMPERATURE}")
    _require(0 < sampling.top_p <= 1, "top_p", "it must be over 0 and at most 1")
    _require(0 <= sampling.min_p <= 1, "min_p", "it must be from 0 to 1")
    _require(sampling.top_k >= 0, "top_k", "it must not be negative")
    _require(0.01 <= sampling.repeat_penalty <= MAX_PENALTY, "repeat_penalty", f"it must be from 0.01 to {MAX_PENALTY}")
    for name in ("presence_penalty", "frequency_penalty"):
        _require(abs(getattr(sampling, name)) <= MAX_PENALTY, name, f"it must be from -{MAX_PENALTY} to {MAX_PENALTY}")
    _require(
        all(0 <= token < vocab_size and abs(bias) <= MAX_BIAS for token, bias in sampling.logit_bias.items()),
        "logit_bias",
        f"its keys are token ids from 0 to {vocab_size - 1}, its values from -{MAX_BIAS} to {MAX_BIAS}",
    )


def _terms(submit: Submit) -> Terms:
    return Terms(
        submit.sampling,
        tuple(submit.stop),
        submit.top_logprobs,
        submit.ignore_eos,
        frozenset(submit.confidence_at),
        submit.messages is not None,
    )


def _require(is_met: bool, param: str, why: str) -> None:
    if not is_met:
        raise InvalidError(f"{param}: {why}", param)
