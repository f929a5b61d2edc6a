"""Names inside conditions: each model that one speaks of has to be there."""

from collections.abc import Iterator

from router.policy.problem import Place
from router.policy.schema_conditions import ConditionTable


def named_models(table: ConditionTable | None, place: Place) -> Iterator[tuple[str, Place]]:
    """Each model that a condition names, with its place in the file."""
    if table is None:
        return
    for key in ("queue_ms", "health"):
        yield from ((name, (*place, key, name)) for name in getattr(table, key) or ())
    for key, inner in (("any", table.any_), ("all", table.all_)):
        for index, part in enumerate(inner or ()):
            yield from named_models(part, (*place, key, index))
    yield from named_models(table.not_, (*place, "not"))
