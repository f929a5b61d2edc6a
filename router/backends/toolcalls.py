"""Tool calls as they stream, made strict: servers leave out the index, or repeat the name; clients break on both."""

from collections.abc import Mapping

_SAID_ONCE = ("id", "type", "name")


class ToolCalls:
    """The calls of one choice so far. Each piece gets its index, and id, type and name on the first piece only."""

    def __init__(self) -> None:
        self._said: list[set[str]] = []

    def tidy(self, pieces: list[dict[str, object]]) -> list[dict[str, object]]:
        """The same pieces, with an index each and nothing said twice."""
        return [self._tidy(piece) for piece in pieces]

    def _tidy(self, piece: Mapping[str, object]) -> dict[str, object]:
        index = self._index(piece)
        while len(self._said) <= index:
            self._said.append(set())
        said = self._said[index]
        tidied: dict[str, object] = {"index": index}
        for name, value in piece.items():
            if isinstance(value, Mapping):
                tidied[name] = _unsaid(value, said)
        return {**_unsaid({name: value for name, value in piece.items() if name not in tidied}, said), **tidied}

    def _index(self, piece: Mapping[str, object]) -> int:
        index = piece.get("index")
        if isinstance(index, int) and 0 <= index <= len(self._said):
            return index
        # Without one, an id begins the next call and anything else continues the last.
        return len(self._said) if piece.get("id") or not self._said else len(self._said) - 1


def _unsaid(fields: Mapping[str, object], said: set[str]) -> dict[str, object]:
    fresh = {name: value for name, value in fields.items() if value is not None and name not in said}
    said.update(name for name in _SAID_ONCE if fresh.get(name))
    return fresh
