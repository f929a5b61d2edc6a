"""A grammar's hold on one choice, through llama.cpp's grammar sampler."""

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
import numpy as np
import numpy.typing as npt

from router.engine.native import Model

Floats = npt.NDArray[np.float32]

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class GrammarError(Exception):
    """llama.cpp does not take the grammar."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """GBNF text. With `triggers`, it holds from the first match of one of these patterns on, from its first group."""

    text: str
    triggers: tuple[str, ...] = ()


class NativeConstraint:
    """The state of a grammar over one choice. Not to be shared; `clone` before the first token."""

    def __init__(self, model: Model, sampler: Any) -> None:
        self._model = model
        self._sampler = sampler
        self._one = np.zeros(1, _CANDIDATE)
        self._finalizer = weakref.finalize(self, llama.llama_sampler_free, sampler)

    @classmethod
    def compile(cls, model: Model, grammar: Grammar) -> "NativeConstraint":
        """Parse the grammar. Raises `GrammarError`."""
        sampler = _compiled(model, grammar)
        if not sampler:
            raise GrammarError("the grammar could not be compiled")
        return cls(model, sampler)

    def clone(self) -> "NativeConstraint":
        """The same state once more."""
        return NativeConstraint(self._model, llama.llama_sampler_clone(self._sampler))

    def allows(self, token: int) -> bool:
        """True when `token` may come next."""
        self._one["id"] = token
        self._one["logit"] = 0.0
        self._apply(self._one)
        return bool(self._one["logit"][0] == 0.0)

    def mask(self, row: Floats) -> None:
        """Set the logits of all tokens that may not come next to minus infinity."""
        possible = np.flatnonzero(row > -np.inf)
        candidates = np.zeros(len(possible), _CANDIDATE)
        candidates["id"] = possible
        self._apply(candidates)
        row[possible[candidates["logit"] != 0.0]] = -np.inf

    def accept(self, token: int) -> None:
        """`token`, which is allowed, came next."""
        llama.llama_sampler_accept(self._sampler, token)

    def _apply(self, candidates: npt.NDArray[Any]) -> None:
        array = llama.llama_token_data_array(
            data=candidates.ctypes.data_as(ctypes.POINTER(llama.llama_token_data)),
            size=len(candidates),
            selected=-1,
            sorted=False,
        )
        llama.llama_sampler_apply(self._sampler, ctypes.byref(array))


def _compiled(model: Model, grammar: Grammar) -> Any:
    text, root = grammar.text.encode(), b"root"
    if not grammar.triggers:
        return llama.llama_sampler_init_grammar(model.vocabulary, text, root)
    patterns = _strings(grammar.triggers)
    return llama.llama_sampler_init_grammar_lazy_patterns(
        model.vocabulary, text, root, patterns, len(grammar.triggers), None, 0
    )


def _strings(texts: Sequence[str]) -> Any:
    return (ctypes.c_char_p * len(texts))(*(text.encode() for text in texts))
