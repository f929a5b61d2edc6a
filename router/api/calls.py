"""Tool calls as they stream, put one after the other: a chat's may interleave, blocks and items may not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from router.chat import Json


@dataclass(slots=True)
class Call:
    """One call so far; `unsaid` are the pieces of its arguments that wait for the block to open."""

    id: str = ""
    name: str = ""
    unsaid: list[str] = field(default_factory=list)

    def add(self, piece: Json) -> None:
        """Take the next piece."""
        function = piece.get("function")
        named = function if isinstance(function, Mapping) else {}
        self.id = self.id or str(piece.get("id") or "")
        self.name = self.name or str(named.get("name") or "")
        if named.get("arguments"):
            self.unsaid.append(str(named["arguments"]))

    def take(self) -> list[str]:
        """The pieces that were not said yet."""
        pieces, self.unsaid = self.unsaid, []
        return pieces


class Calls:
    """The calls of one answer: the first one streams, the later ones wait until the answer is over."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, pieces: object) -> None:
        """Take the `tool_calls` of one delta."""
        for at, piece in enumerate(pieces if isinstance(pieces, list) else ()):
            index = piece.get("index")
            self._calls.setdefault(index if isinstance(index, int) else at, Call()).add(piece)

    @property
    def first(self) -> Call | None:
        """The call that streams, once it has a name."""
        call = next(iter(self._calls.values()), None)
        return call if call is not None and call.name else None

    def rest(self) -> Iterator[Call]:
        """All the others, in the order in which they came."""
        yield from (call for call in self._calls.values() if call is not self.first)
