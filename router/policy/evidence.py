"""What conditions look at: facts, judgement and health, and what takes work only once somebody asks for it."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import replace
from typing import Protocol

from router.condition import PiiKind, Scope
from router.policy.decision import Facts
from router.policy.language import language_of
from router.policy.pii import NUMBERED, has_numbers, has_pii


class JudgementLike(Protocol):
    """What the classifier says of a prompt: `score` in 0..1, higher where the large model is needed more."""

    @property
    def score(self) -> float:
        """How much the large model is needed."""

    @property
    def task(self) -> str:
        """The task label."""

    @property
    def task_probability(self) -> float:
        """How sure the label is, 0..1."""


class Evidence:
    """One request under judgement; text is normalised, searched for personal data and its language told at most once."""

    __slots__ = ("_encoded", "_folded", "_has_numbers", "_language", "_pii", "_texts", "facts", "judgement", "states")

    def __init__(self, facts: Facts, judgement: JudgementLike | None, states: Mapping[str, str] | None = None) -> None:
        self.facts = facts
        self.judgement = judgement
        self.states: Mapping[str, str] = states or {}
        self._texts: dict[Scope, str] = {}
        self._encoded: dict[Scope, bytes] = {}
        self._folded: dict[Scope, str] = {}
        self._pii: dict[PiiKind, bool] = {}
        self._has_numbers: bool | None = None
        self._language: str | None = None

    def longer_by(self, tokens: int) -> "Evidence":
        """The same with a prompt that is longer by so many tokens, which what was found out already still holds for."""
        if tokens == 0:
            return self
        exact = {name: count + tokens for name, count in self.facts.exact_tokens.items()}
        longer = copy(self)
        longer.facts = replace(self.facts, prompt_tokens=self.facts.prompt_tokens + tokens, exact_tokens=exact)
        return longer

    def text(self, scope: Scope) -> bytes | None:
        """The text of `scope` in UTF-8, or None when nobody knows what the request says."""
        if scope in self._encoded:
            return self._encoded[scope]
        text = self._said(scope)
        if text is None:
            return None
        self._encoded[scope] = encoded = text.encode("utf-8", "replace")
        return encoded

    def folded(self, scope: Scope) -> str | None:
        """The text of `scope` without the difference between capitals and small letters, or None as for `text`."""
        if scope in self._folded:
            return self._folded[scope]
        text = self._said(scope)
        if text is None:
            return None
        self._folded[scope] = folded = text.casefold()
        return folded

    def pii(self, kinds: Iterable[PiiKind]) -> bool | None:
        """Whether data of one of these kinds stands anywhere in what would be sent, or None as for `text`."""
        text = self.text("all")
        if text is None:
            return None
        known = self._pii
        for kind in kinds:
            found = known.get(kind)
            if found is None:
                found = known[kind] = self._may_have(kind, text) and has_pii(kind, text)
            if found:
                return True
        return False

    def _may_have(self, kind: PiiKind, text: bytes) -> bool:
        if kind not in NUMBERED:
            return True
        if self._has_numbers is None:
            self._has_numbers = has_numbers(text)
        return self._has_numbers

    def language(self) -> str | None:
        """The language of the newest turn (`unknown` when that is too little to tell), or None as for `text`."""
        if self._language is None:
            text = self._said("last")
            self._language = None if text is None else language_of(text)
        return self._language

    def _said(self, scope: Scope) -> str | None:
        if self.facts.words is None:
            return None
        if scope not in self._texts:
            self._texts[scope] = self.facts.words.text(scope)
        return self._texts[scope]
