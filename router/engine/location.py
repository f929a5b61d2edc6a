"""Where a model's file comes from, as the policy file names it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_HUB = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[\w. /-]+)@(?P<revision>[\w./-]+)")


class SourceError(Exception):
    """The file cannot be had; one line for a person."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository at a revision: a commit, a tag or a branch."""

    repo: str
    file: str
    revision: str

    def __str__(self) -> str:
        return f"hf:{self.repo}/{self.file}@{self.revision}"

    def place(self, cache_dir: Path) -> Path:
        """Where it is kept once it has been fetched."""
        return cache_dir / "models" / self.repo / self.revision / self.file


Location: TypeAlias = Path | HubFile


def parse(source: str) -> Location:
    """`hf:org/repo/file.gguf@revision` (without one: main), or a path. Raises `SourceError`."""
    if not source.startswith("hf:"):
        return Path(source).expanduser()
    match = _HUB.fullmatch(source if "@" in source else f"{source}@main")
    if match is None or any(part in {"", ".", ".."} for part in re.split("[/@]", source.removeprefix("hf:"))):
        raise SourceError(f"{source} is not hf:org/repo/file.gguf@revision")
    return HubFile(**match.groupdict())


def place(source: str, cache_dir: Path) -> Path:
    """Where the file is, or will be once it has been fetched. Raises `SourceError`."""
    location = parse(source)
    return location if isinstance(location, Path) else location.place(cache_dir)
