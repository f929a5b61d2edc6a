"""Writes the parts of the documentation that would otherwise drift: `python docs/generate.py`.

`docs/files.md` is one line for each file, from its docstring; `docs/commands.md` is what `shunt --help` and its
commands print. `tests/test_docs.py` fails when either is out of date.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from router.cli import app

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = (
    "", "serve", "engine", "ask", "route", "score", "usage", "replay", "doctor", "calibrate", "train", "evaluate", "init",
    "policy check", "policy test", "policy schema", "policy explain", "policy diff",
    "keys create", "keys list", "keys show", "keys rotate", "keys revoke", "models list", "models pull", "models show", "models rm",
)  # fmt: skip


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
    for command in COMMANDS:
        parts += ["```console", f"$ shunt {command} --help".replace("  ", " "), _help(command.split()), "```", ""]
    return "\n".join(parts)


def _help(words: list[str]) -> str:
    environ = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    printed = CliRunner().invoke(app, [*words, "--help"], prog_name="shunt", env=environ, catch_exceptions=False)
    return "\n".join(line.rstrip() for line in printed.stdout.strip("\n").splitlines())


GENERATED = {"files.md": files, "commands.md": commands}


def main() -> None:
    """Write every generated page."""
    for name, write in GENERATED.items():
        (ROOT / "docs" / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
