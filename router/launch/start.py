"""What starts a program: its command line, and what its environment has and lacks."""

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

KEY_VARIABLE = "SHUNT_API_KEY"
NO_KEY = "unused"
"""Stands where a program insists on a key and the router wants none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the router is (an address without `/v1`), what to ask it for, and its key if it wants one."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)

    @property
    def api(self) -> str:
        """The base that OpenAI's clients are given."""
        return f"{self.url}/v1"

    @property
    def secret(self) -> str:
        """The key, or a word in its place."""
        return self.key or NO_KEY


@dataclass(frozen=True, slots=True)
class Start:
    """One program about to start. `environ` holds the key, which `repr` does not show."""

    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    without: tuple[str, ...] = ()

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the program."""
        kept = {name: value for name, value in inherited.items() if name not in self.without}
        return {**kept, **self.environ}

    def run(self) -> None:
        """Become the program: nothing of this process stays."""
        os.execvpe(self.command[0], self.command, self.environment(os.environ))  # noqa: S606 - the user's own command

    def shown(self, key: str | None) -> str:
        """A line for the shell that does the same; where `key` stands it names the variable that holds it."""
        return " ".join(self._words(key))

    def _words(self, key: str | None) -> Iterator[str]:
        yield "env"
        for name in self.without:
            yield f"-u {name}"
        for name, value in self.environ.items():
            yield f'{name}="${KEY_VARIABLE}"' if key and value == key else f"{name}={shlex.quote(value)}"
        yield shlex.join(self.command)
