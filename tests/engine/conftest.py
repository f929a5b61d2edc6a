"""What the engine's tests share: a tiny model with random weights, and the small real one."""

from pathlib import Path

import pytest

from tests.fakes.gguf_model import write_tiny_gguf


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file of 0.6 MB with random weights over bytes and a window of 8,192 tokens; read it, do not change it."""
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf", context=8192)


@pytest.fixture(scope="session")
def tinytalk(shared: Path) -> Path:
    """A small chat model that was really trained."""
    return shared / "models" / "tinytalk-3M-Q4_0.gguf"
