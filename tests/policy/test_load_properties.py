"""Whatever is done to a file, it loads or says in full sentences why not."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.config import Config
from router.errors import ConfigError
from router.policy import DEFAULT_FILE
from router.policy.document import parse
from router.policy.loading import Source, compiled
from tests.policy.files import GUARDED

FILES = [parse(DEFAULT_FILE.read_bytes(), "default").data, parse(GUARDED.encode(), "guarded").data]
CANARY = "sk-canary-0123456789"

values = st.sampled_from(
    [
        0,
        -1,
        1.5,
        True,
        "",
        "auto",
        "small",
        "large",
        "always",
        "env:NOPE",
        [],
        {},
        ["small"],
        {"not": "always"},
        "x y",
        1e9,
    ]
)


def places(data: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside the data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = [(*place, key) for key, _ in inner]
    return found + [deeper for at in found for deeper in places(data[at[-1]], at)]


def parent(data: Any, place: tuple[Any, ...]) -> Any:
    """The container that holds `place`."""
    for part in place[:-1]:
        data = data[part]
    return data


@st.composite
def broken_files(draw: st.DrawFn) -> dict[str, Any]:
    """A good file after one to four random edits."""
    data = copy.deepcopy(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 4))):
        reachable = places(data)
        if not reachable:
            break
        place = draw(st.sampled_from(reachable))
        edit: Callable[[Any, Any], object] = draw(st.sampled_from([drop, rename, repeat]))
        box, key = parent(data, place), place[-1]
        if draw(st.booleans()):
            box[key] = copy.deepcopy(draw(values))
        else:
            edit(box, key)
    return data


def drop(box: Any, key: Any) -> None:
    """Leave one entry out."""
    del box[key]


def rename(box: Any, key: Any) -> None:
    """Misspell a key, or reverse a list."""
    if isinstance(box, dict):
        box[f"{key}x"] = box.pop(key)
    else:
        box.reverse()


def repeat(box: Any, key: Any) -> None:
    """Write one entry twice."""
    if isinstance(box, list):
        box.append(copy.deepcopy(box[key]))
    else:
        box[f"{key}2"] = copy.deepcopy(box[key])


@settings(max_examples=300, deadline=None)
@given(broken_files())
@example({"version": 1, "models": {"e": {"backend": "auto", "can": ["embeddings"]}}, "tiers": ["e"],
          "policies": {"auto": {"select": [{"id": "a", "target": 5}]}}})  # fmt: skip
def test_any_edit_loads_or_is_explained(data: dict[str, Any]):
    """No edit makes loading fail in another way; each problem has the file, a line and one line of words."""
    document = parse(yaml.safe_dump(data, sort_keys=False).encode(), "f.yaml")
    environ = {"OPENAI_API_KEY": CANARY}
    try:
        config = compiled(document, Source(Path("f.yaml"), environ))
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            name, line, words = problem.split(":", 2)
            assert (name, line.isdigit()) == ("f.yaml", True)
            assert words.strip().isprintable()
            assert CANARY not in problem
    else:
        assert isinstance(config, Config)
        assert CANARY not in repr(config)
