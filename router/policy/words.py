"""The text that a request carries: what the user says, and everything that would be sent. Pure, and linear in its size."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from router.chat import Json
from router.condition import Scope

MAX_DEPTH = 64
BINARY_KEYS = frozenset({"data", "file_data"})  # base64, in which digits and letters mean nothing
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True, slots=True)
class Words:
    """What a request says: its messages, and whatever else of it is text (descriptions of tools, schemas, inputs)."""

    messages: Sequence[Json] = field(default=(), repr=False)
    beside: Sequence[object] = field(default=(), repr=False)

    def text(self, scope: Scope) -> str:
        """The newest user turn (`last`), every user turn (`user`), or everything that would be sent (`all`).

        Compatibility forms (full-width digits) become plain ones and invisible characters go, so that what a person reads
        alike is found alike.
        """
        pieces: list[str] = []
        if scope == "all":
            _gather([*self.messages, *self.beside], MAX_DEPTH, pieces)
        else:
            said = [message.get("content") for message in self.messages if message.get("role") == "user"]
            _gather(said if scope == "user" else said[-1:], MAX_DEPTH, pieces)
        return plain("\n".join(pieces))


def plain(text: str) -> str:
    """`text` in the form that patterns and keywords are compared in."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def _gather(value: object, depth: int, pieces: list[str]) -> None:
    """Add every piece of text inside `value`, whatever its shape; what is nested too deep as it would be written."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            pieces.append(value)
    elif depth == 0:
        pieces.append(repr(value))
    elif isinstance(value, list | tuple):
        for inner in value:
            _gather(inner, depth - 1, pieces)
    elif isinstance(value, dict | Mapping):  # nearly all are dicts, which is quicker to see
        for key, inner in value.items():
            if not isinstance(inner, str):
                _gather(inner, depth - 1, pieces)
            elif key not in BINARY_KEYS and not inner.startswith("data:"):  # no call of its own for what most are
                pieces.append(inner)
