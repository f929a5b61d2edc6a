"""From plain data to a `PolicyFile`. What is wrong is noted and left out, so that the rest can be checked as well."""

from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from router.policy.document import Document, Plain
from router.policy.problem import Place, Problem, Problems
from router.policy.schema_models import PolicyFile
from router.policy.wording import place_of, sentence

MAX_ROUNDS = 8  # each round leaves out at least one entry; a file that needs more is told the rest next time


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a file; `left_out` holds the places that could not."""

    file: PolicyFile
    data: dict[str, Plain]
    left_out: frozenset[Place]

    @property
    def is_whole(self) -> bool:
        """True when nothing was left out."""
        return not self.left_out

    def written(self, place: Place) -> Place:
        """The place in the file of a place in what was read: list positions count what was left out."""
        return _written(place, self.data, self.left_out)


def read(document: Document, problems: Problems) -> Reading | None:
    """Validate the content; None when what is left is no policy file at all."""
    data, left_out = document.data, frozenset[Place]()
    for _ in range(MAX_ROUNDS):
        pruned = _pruned(data, left_out)
        try:
            return Reading(PolicyFile.model_validate(pruned), data, left_out)
        except ValidationError as error:
            details = error.errors(include_url=False)
        placed = [(_written(place_of(detail, pruned), data, left_out), detail) for detail in details]
        if not left_out:
            problems.extend(Problem(place, sentence(detail)) for place, detail in placed)
        left_out |= {_entry(place, detail) for place, detail in placed}
        if () in left_out:
            break
    return None


def _entry(place: Place, detail: ErrorDetails) -> Place:
    """The smallest part that the file can do without: an unknown key itself, otherwise the whole entry around it."""
    match place or detail["loc"]:
        case _ if detail["type"] == "extra_forbidden":
            return place
        case ("policies", _, "select", _, *_):
            return place[:4]
        case ("policies", _, "on_failure" | "spill" | "verify" | "session" | "shadow", *_):
            return place[:3]
        case ("policies" | "models" | "guards" | "budgets" | "tests" | "aliases", _, *_):
            return place[:2]
        case ("version" | "server" | "cache" | "state_dir" | "cache_dir" as key, *_):
            return (key,)
        case _:
            return ()


def _pruned(data: dict[str, Plain], left_out: frozenset[Place]) -> dict[str, Plain]:
    if not left_out:
        return data
    kept = {key: _without(value, left_out, (key,)) for key, value in data.items() if (key,) not in left_out}
    # Their names stay, so that what refers to them is not told to be wrong too.
    _stand_in(kept, left_out, "models", {"backend": "llama.cpp", "source": "unknown.gguf"})
    _stand_in(kept, left_out, "policies", {"select": [{"id": "unknown", "target": _first(kept.get("models"))}]})
    return {**kept, "version": 1}


def _stand_in(data: dict[str, Plain], left_out: frozenset[Place], section: str, entry: Plain) -> None:
    entries = data.get(section)
    if isinstance(entries, dict):
        entries.update({str(place[1]): entry for place in left_out if len(place) == 2 and place[0] == section})


def _first(entries: "Plain | None") -> str:
    return next(iter(entries), "") if isinstance(entries, dict) else ""


def _without(data: Plain, left_out: frozenset[Place], place: Place) -> Plain:
    if isinstance(data, dict):
        inner = {key: (*place, key) for key in data}
        return {key: _without(data[key], left_out, at) for key, at in inner.items() if at not in left_out}
    if isinstance(data, list):
        return [_without(data[index], left_out, (*place, index)) for index in _kept(data, left_out, place)]
    return data


def _written(place: Place, data: Plain, left_out: frozenset[Place]) -> Place:
    done: Place = ()
    for part in place:
        at: str | int = part
        if isinstance(data, list) and isinstance(part, int):
            kept = _kept(data, left_out, done)
            if part >= len(kept):  # inside a stand-in, which is not in the file
                break
            at = kept[part]
            data = data[at]
        elif isinstance(data, dict):
            data = data.get(str(part), {})
        done = (*done, at)
    return done


def _kept(data: "list[Plain]", left_out: frozenset[Place], place: Place) -> list[int]:
    return [index for index in range(len(data)) if (*place, index) not in left_out]
