"""Writes the parts of the documentation that would otherwise drift: `python docs/generate.py`.

`docs/files.md` is one line for each file, from its docstring; `docs/commands.md` is what `shunt --help` and its
commands print; the tables of `docs/clients.md` come from the tests of clients. `tests/test_docs.py` fails when one of
them is out of date.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from router.cli import app

ROOT = Path(__file__).resolve().parents[1]


def files() -> str:
    """One line for each source file, under its room."""
    return "\n".join(["# Files", "", "One line for each, from its own docstring.", *_rooms(), ""])


def _rooms() -> Iterator[str]:
    room = None
    for path in sorted([*ROOT.glob("router/**/*.py"), *ROOT.glob("classifiers/**/*.py")], key=_by_room):
        folder = path.parent.relative_to(ROOT)
        if folder != room:
            room = folder
            yield from ("", f"## {folder}/", "")
        words = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        yield f"- `{path.name}`: {' '.join(words.split())}"


def _by_room(path: Path) -> tuple[str, str]:
    return str(path.parent), path.name


def commands() -> str:
    """What the command line says of itself."""
    parts = ["# Commands", ""]
    for words in ((), *_verbs(get_command(app))):
        parts += ["```console", f"$ {' '.join(('shunt', *words, '--help'))}", _help(words), "```", ""]
    return "\n".join(parts)


def _verbs(group: Any) -> Iterator[tuple[str, ...]]:
    """Every command that does something, as it is typed."""
    for name, command in group.commands.items():
        below = _verbs(command) if hasattr(command, "commands") else [()]
        yield from ((name, *words) for words in below)


def _help(words: tuple[str, ...]) -> str:
    environ = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    printed = CliRunner().invoke(app, [*words, "--help"], prog_name="shunt", env=environ, catch_exceptions=False)
    return "\n".join(line.rstrip() for line in printed.stdout.strip("\n").splitlines())


def clients() -> str:
    """The page of clients, its tables as the tests have them."""
    # The tests are no installed package.
    sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]
    from tests.clients.page import page  # noqa: PLC0415 - the same

    return page((ROOT / "docs" / "clients.md").read_text(encoding="utf-8"))


GENERATED = {"files.md": files, "commands.md": commands, "clients.md": clients}


def main() -> None:
    """Write every generated page."""
    for name, write in GENERATED.items():
        (ROOT / "docs" / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
