"""Where the files for operators are, and the programs that check them."""

import shutil
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def program(name: str) -> str:
    """The path of a program of the Debian package `prometheus`; the test is skipped, by name, where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name} (Debian package prometheus)")
    return found
