"""The built-in model, loaded once for each worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.builtin import MODEL_PATH

HANDWRITTEN = Path(__file__).parent / "handwritten.jsonl"


@pytest.fixture(scope="session")
def model() -> Iterator[object]:
    """The committed weights in llama.cpp, one thread."""
    if not MODEL_PATH.exists():
        pytest.skip("router/builtin/small.gguf has not been trained for this version")
    llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, which is not installed")
    loaded = llama_cpp.Llama(str(MODEL_PATH), n_ctx=1024, n_threads=1, n_threads_batch=1, verbose=False)
    yield loaded
    loaded.close()
