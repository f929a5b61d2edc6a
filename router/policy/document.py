"""YAML text into plain data that remembers its lines; whatever else YAML can smuggle in is refused.

Only what JSON can express comes out, by the core schema of YAML 1.2: `no` is a word and 2026-01-01 is text. Size,
nesting and the growth of anchors are bounded before anything is built.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from router.errors import ConfigError
from router.policy.problem import Place, Problem, shown

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain]"

_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one file; `lines` holds the line (from 1) of each key and list item."""

    name: str
    data: dict[str, Plain]
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it that is in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def report(self, problems: list[Problem]) -> tuple[str, ...]:
        """`file:line: message` for each problem, once, from top to bottom."""
        placed = sorted({(self.line(problem.place), problem.message) for problem in problems})
        return tuple(f"{self.name}:{line}: {message}" for line, message in placed)


def parse(raw: bytes, name: str) -> Document:
    """Read one YAML document whose top level is a mapping.

    Raises:
        ConfigError: not UTF-8, not YAML, too large, or with duplicate keys, tags, or keys that are not text.
    """
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name}:1: the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = raw.decode("utf-8-sig")
        _check_depth(text, name)
        root = yaml.compose(text, Loader=yaml.BaseLoader)  # composes nodes only: nothing is constructed
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}:1: the file is not UTF-8 (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}:{line}: not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"{name}:1: a character that YAML forbids, at position {error.position}") from None
    return _Builder(name).build(root)


def _check_depth(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{name}:{_line(event)}: nested deeper than {MAX_DEPTH} levels")


class _Builder:
    """Turns nodes into plain data and keeps every problem it meets."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: dict[Place, int] = {}
        self._problems: list[tuple[int, str]] = []
        self._nodes = 0

    def build(self, root: yaml.Node | None) -> Document:
        try:
            data = {} if root is None else self._value(root, ())
        except OverflowError:
            raise ConfigError(f"{self._name}:1: the file's anchors unfold into too much, or into themselves") from None
        if not isinstance(data, dict):
            self._problems.append((1, "the file must hold keys and values (version: 1, models: …)"))
            data = {}
        if self._problems:
            raise ConfigError(*(f"{self._name}:{line}: {message}" for line, message in sorted(self._problems)))
        return Document(self._name, data, self._lines)

    def _value(self, node: yaml.Node, place: Place) -> Plain:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(place) > MAX_DEPTH:
            raise OverflowError
        if node.tag not in _TAGS:
            self._problems.append((_line(node), "tags (!…) have no place in a policy file"))
            return ""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(child, (*place, index)) for index, child in enumerate(node.value)]
        if _is_plain(node) and node.value in _NULL:
            self._problems.append((_line(node), "a value is missing here: write one, or leave the key out"))
        return _scalar(node)

    def _item(self, node: yaml.Node, place: Place) -> Plain:
        self._lines[place] = _line(node)
        return self._value(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._problems.append((_line(key_node), "a key must be text: put it in quotes"))
            elif key in found:
                first = self._lines[(*place, key)]
                self._problems.append((_line(key_node), f"duplicate key {shown(key)} (first on line {first})"))
            else:
                self._lines[(*place, key)] = _line(key_node)
                found[key] = self._value(value_node, (*place, key))
        return found


def _line(part: yaml.Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


def _is_plain(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None


def _scalar(node: yaml.Node) -> Plain:
    text: str = node.value
    if not _is_plain(node):  # quoted or a block: text, whatever it looks like
        return text
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
