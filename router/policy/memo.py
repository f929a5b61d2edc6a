"""What is worked out once for each condition of a configuration."""

from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

MAX_ENTRIES = 8192


class ByIdentity(Generic[Key, Value]):
    """Remembers by identity: to hash a nested condition would take longer than to test it.

    Each entry keeps its key alive, so that nothing else can have its address. A reload brings new keys; when there are too
    many, all are let go and worked out again.
    """

    def __init__(self, make: Callable[[Key], Value]) -> None:
        self._make = make
        self._known: dict[int, tuple[Key, Value]] = {}

    def __call__(self, key: Key) -> Value:
        """What `make` gives for `key`."""
        known = self._known.get(id(key))
        if known is None:
            if len(self._known) >= MAX_ENTRIES:
                self._known.clear()
            known = self._known[id(key)] = (key, self._make(key))
        return known[1]
