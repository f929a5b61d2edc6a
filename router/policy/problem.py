"""What is wrong with a policy file: a place in it, and a sentence with the cure."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence about the value at `place` (keys and list positions from the top of the file)."""

    place: Place
    message: str


class Problems(list[Problem]):
    """Everything found so far, so that one run tells all of it."""

    def note(self, place: Iterable[str | int], message: str) -> None:
        """Add one problem."""
        self.append(Problem(tuple(place), message))


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """` (did you mean 'x'?)` with the nearest valid name, otherwise the list of valid names."""
    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f" (did you mean '{near[0]}'?)"
    return f" (valid: {', '.join(names)})" if names else ""


def shown(name: object) -> str:
    """A name from the file made fit for a message: quoted, short, one line."""
    text = "".join(char if char.isprintable() else "?" for char in str(name))
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"
