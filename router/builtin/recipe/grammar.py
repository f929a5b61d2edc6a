"""A small grammar language: starred symbols are lists of templates, and every eighth template is held out."""

import random
import re
import zlib
from collections.abc import Mapping
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
        self.rules = {name: _rule(lines, starred=starred) for name, starred, lines in _blocks(text)}

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


def _rule(lines: list[str], *, starred: bool) -> Rule:
    options = [option.strip() for line in lines for option in _top_level(line)]
    if not starred:
        return Rule(tuple(options), ())
    held_count = max(1, round(len(options) * HELD_SHARE))
    held = set(sorted(options, key=lambda option: zlib.crc32(option.encode()))[:held_count])
    return Rule(tuple(option for option in options if option not in held), tuple(sorted(held)))


def _top_level(line: str) -> list[str]:
    parts, depth = [""], 0
    for letter in line:
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
