"""What the policy tests share: a file from text, and facts from a few words."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from router.config import Config
from router.errors import ConfigError
from router.policy import load

Loader = Callable[..., Config]


@pytest.fixture
def read_text(tmp_path: Path) -> Loader:
    """Load a configuration from text, with an environment of its own."""

    def read(text: str, environ: Mapping[str, str] | None = None) -> Config:
        path = tmp_path / "shunt.yaml"
        path.write_text(dedent(text))
        return load(path, environ or {})

    return read


@pytest.fixture
def problems(read_text: Loader) -> Callable[..., list[str]]:
    """Every problem of a text, as `line: message`."""

    def read(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read_text(text, environ)
        return [problem.split("shunt.yaml:", 1)[1] for problem in caught.value.problems]

    return read
