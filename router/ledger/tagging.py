"""Lines by each tag, from lines by all the tags of a key together."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from router.ledger.line import Line


def by_tag(lines: Iterable[Line], place: int) -> tuple[Line, ...]:
    """The lines with one tag at `place` of their groups in the place of a list of tags, None for no tag."""
    found: dict[tuple[str | None, ...], Line] = {}
    for line in lines:
        for tag in (line.group[place] or "").split(","):
            group = (*line.group[:place], tag or None, *line.group[place + 1 :])
            alone = replace(line, group=group)
            found[group] = _added(found[group], alone) if group in found else alone
    return tuple(found[group] for group in sorted(found, key=lambda group: [part or "" for part in group]))


def _added(one: Line, other: Line) -> Line:
    """The sums of both; an amount that only one side knows is the sum of what is known."""
    names = [field.name for field in fields(Line) if field.name != "group"]
    sums: dict[str, Any] = {name: _sum(getattr(one, name), getattr(other, name)) for name in names}
    return replace(one, **sums)


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other
