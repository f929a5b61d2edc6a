"""Names inside conditions: each model and each set of examples that one speaks of has to be there."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from router.policy.problem import Place
from router.policy.schema_conditions import ConditionTable

Named: TypeAlias = Literal["model", "examples"]
_KEYS: tuple[tuple[str, Named], ...] = (("queue_ms", "model"), ("health", "model"), ("similar_to", "examples"))


def names_in(table: ConditionTable | None, place: Place) -> Iterator[tuple[Named, str, Place]]:
    """Each name in a condition: what it is the name of, the name, and its place in the file."""
    if table is None:
        return
    for key, what in _KEYS:
        yield from ((what, name, (*place, key, name)) for name in getattr(table, key) or ())
    for key, inner in (("any", table.any_), ("all", table.all_)):
        for index, part in enumerate(inner or ()):
            yield from names_in(part, (*place, key, index))
    yield from names_in(table.not_, (*place, "not"))
