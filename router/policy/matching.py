"""Patterns and keywords, searched in time that grows with the text alone, whatever the pattern (RE2)."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Protocol

import re2

from router.policy.words import plain

MAX_CANDIDATES = 1_000
"""Candidates of one kind that are checked; a text with more of them is no prose, and counts as having what is looked for."""

_EDGE_BEFORE = r"(?:^|[^\pL\pN_])"
_EDGE_AFTER = r"(?:$|[^\pL\pN_])"


class Match(Protocol):
    """One place where a pattern matched."""

    def group(self) -> bytes:
        """What stands there."""


class Pattern(Protocol):
    """A compiled pattern over UTF-8."""

    def search(self, text: bytes) -> object | None:
        """The first match, or None."""

    def finditer(self, text: bytes) -> Iterator[Match]:
        """Every match, from left to right."""


class PatternError(ValueError):
    """A pattern that RE2 does not understand; the message says what."""


@lru_cache(maxsize=1024)
def pattern(written: str) -> Pattern:
    """The compiled pattern. Raises `PatternError`."""
    options = re2.Options()
    options.log_errors = False  # it would write to stderr, in a format of its own
    options.never_capture = True
    try:
        compiled: Pattern = re2.compile(written, options)
    except re2.error as error:
        reason = error.args[0]
        raise PatternError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None
    return compiled


def any_pattern(patterns: Iterable[str]) -> Pattern:
    """One pattern for all of them: the text is read once."""
    return pattern("|".join(f"(?:{written})" for written in patterns))


def any_keyword(words: Iterable[str]) -> Pattern:
    """A pattern for whole words in whatever case; writing without blanks has no word borders, so there none is asked."""
    return pattern("(?i)" + "|".join(_bounded(plain(word)) for word in words))


def _bounded(word: str) -> str:
    before = _EDGE_BEFORE if _has_borders(word[0]) else ""
    after = _EDGE_AFTER if _has_borders(word[-1]) else ""
    escaped: str = re2.escape(word)
    return before + escaped + after


def _has_borders(char: str) -> bool:
    """True for a letter or digit of a script that puts blanks between words."""
    if not char.isalnum():
        return False
    name = unicodedata.name(char, "")
    return not name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR"))


def any_of(candidates: Iterable[str], test: Callable[[str], bool]) -> bool:
    """True when one of the candidates passes the test, or when there are more of them than are worth looking at."""
    found = iter(candidates)
    return any(test(candidate) for candidate in islice(found, MAX_CANDIDATES)) or next(found, None) is not None
