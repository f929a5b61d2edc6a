"""A small grammar language: starred symbols are lists of templates, of which about every eighth is held out.

A held-out template is a new arrangement of known words: each of its words stands in something that is trained on, too.
"""

import random
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

Split: TypeAlias = Literal["train", "held"]
HELD_SHARE = 0.12
FOLDER = Path(__file__).parent / "grammar"

_HEADER = re.compile(r"^(\w+)(\*?):(.*)$")
_REFERENCE = re.compile(r"\{(\w+)\}")
_INNERMOST = re.compile(r"\[([^\[\]]*)\]")
_WORD = re.compile(r"[a-z0-9']+")


@dataclass(frozen=True, slots=True)
class Rule:
    """The alternatives of one symbol; `held` are those that training never sees (empty for plain word lists)."""

    train: tuple[str, ...]
    held: tuple[str, ...]

    def of(self, split: Split) -> tuple[str, ...]:
        """Return the alternatives this split draws from."""
        return self.held if split == "held" and self.held else self.train


class Grammar:
    """Expands symbols of one grammar file into text."""

    def __init__(self, text: str) -> None:
        blocks = _blocks(text)
        options = {name: [option.strip() for line in lines for option in _top_level(line)] for name, _, lines in blocks}
        known = Counter(word for symbol in options.values() for option in symbol for word in _words(option))
        held = {name: _held_out(options[name], known) if starred else set() for name, starred, _ in blocks}
        self.rules = {
            name: Rule(tuple(option for option in every if option not in held[name]), tuple(sorted(held[name])))
            for name, every in options.items()
        }

    def expand(self, symbol: str, rng: random.Random, split: Split, given: Mapping[str, str] | None = None) -> str:
        """Return one random text of `symbol`; `given` names symbols whose text the caller decides."""
        text = self._resolve(rng.choice(self.rules[symbol].of(split)), rng, split, given or {})
        return tidy(text)

    def words(self, symbol: str) -> tuple[str, ...]:
        """Return every alternative of a plain word list, as written."""
        return self.rules[symbol].train

    def _resolve(self, text: str, rng: random.Random, split: Split, given: Mapping[str, str]) -> str:
        while "[" in text:
            text = _INNERMOST.sub(lambda match: rng.choice(match[1].split("|")), text)

        def substitute(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return given[name]
            inner = self._resolve(rng.choice(self.rules[name.lower()].of(split)), rng, split, given)
            return inner[:1].upper() + inner[1:] if name[0].isupper() else inner

        return _REFERENCE.sub(substitute, text)


@cache
def load(name: str) -> Grammar:
    """Return the grammar of `grammar/NAME.txt`."""
    return Grammar((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


_SPACES = re.compile(r" {2,}")
_BEFORE_MARK = re.compile(r" +(?=[,.?!](?!\d)|:(?: |$))")
_VOWEL = re.compile(r"\b([Aa]) (?=[aeioAEIO]|u(?!se|ni|su))(?!one|euro)")


def tidy(text: str) -> str:
    """Repair what composition leaves behind: double spaces, a space before a mark, "a apple"."""
    text = _SPACES.sub(" ", text).strip().replace("?.", "?").replace("!.", "!")
    return _VOWEL.sub(r"\1n ", _BEFORE_MARK.sub("", text)).replace("<nl>", "\n")


def _blocks(text: str) -> list[tuple[str, bool, list[str]]]:
    blocks: list[tuple[str, bool, list[str]]] = []
    for line in text.splitlines():
        header = None if line.startswith((" ", "#")) else _HEADER.match(line)
        if header:
            blocks.append((header[1], header[2] == "*", [header[3]] if header[3].strip() else []))
        elif line.startswith("  "):
            blocks[-1][2].append(line)
    return blocks


def _held_out(options: Iterable[str], known: Counter[str]) -> set[str]:
    """Choose by checksum among the templates whose words all stand elsewhere, and take theirs out of `known`."""
    options, held = set(options), set[str]()
    wanted = max(1, round(len(options) * HELD_SHARE))
    for option in sorted(options, key=lambda option: zlib.crc32(option.encode())):
        words = _words(option)
        if len(held) < wanted and all(known[word] > 1 for word in words):
            held.add(option)
            known.subtract(words)
    return held


def _words(template: str) -> set[str]:
    return set(_WORD.findall(_REFERENCE.sub(" ", template).lower()))


def _top_level(line: str) -> list[str]:
    parts, depth = [""], 0
    for letter in line:
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
