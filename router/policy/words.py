"""The text that a request carries: what the user says, and everything that would be sent. Pure, and linear in its size."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
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
        return plain("\n".join(self._parts(scope)))

    def _parts(self, scope: Scope) -> Iterable[str]:
        if scope == "all":
            yield from _leaves([*self.messages, *self.beside], MAX_DEPTH)
            return
        said = [message.get("content") for message in self.messages if message.get("role") == "user"]
        yield from _leaves(said if scope == "user" else said[-1:], MAX_DEPTH)


def plain(text: str) -> str:
    """`text` in the form that patterns and keywords are compared in."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def _leaves(value: object, depth: int) -> Iterable[str]:
    """Every piece of text inside `value`, whatever its shape; what is nested too deep is given as it would be written."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif depth == 0:
        yield repr(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in BINARY_KEYS or not isinstance(inner, str):
                yield from _leaves(inner, depth - 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, depth - 1)
