"""What a model needs in memory, told from its header and held against a child that has loaded it."""

from pathlib import Path

import psutil
import pytest

from router.engine import memory, wire
from router.engine.gguf import Gguf, read
from router.engine.memory import attention_bytes, available_bytes, need
from router.engine.process import launch
from router.engine.settings import Settings
from tests.engine.nursery import LOAD_S
from tests.fakes.gguf_model import write_tiny_gguf

MB = 1 << 20


def _header(metadata: dict, architecture: str = "llama") -> Gguf:
    named = {f"{architecture}.{key}": value for key, value in metadata.items()}
    return Gguf(Path("x.gguf"), 0, architecture, named, {}, ())


def test_attention_of_a_known_model() -> None:
    """Llama-3-8B: 32 layers, 8 KV heads of 128, f16: 128 KiB for each token."""
    header = _header(
        {"block_count": 32, "embedding_length": 4096, "attention.head_count": 32, "attention.head_count_kv": 8}
    )
    assert attention_bytes(header, 1) == 128 * 1024
    assert attention_bytes(header, 8192) == 1024 * MB
    assert attention_bytes(header, 8192, "q8_0") == 544 * MB


def test_attention_with_lengths_and_lists() -> None:
    """Key and value lengths and per-layer head counts of the header are honoured."""
    header = _header(
        {
            "block_count": 3,
            "embedding_length": 64,
            "attention.head_count": (4, 4, 4),
            "attention.head_count_kv": (2, 0, 1),
            "attention.key_length": 32,
            "attention.value_length": 16,
        }
    )
    assert attention_bytes(header, 10) == 3 * (32 + 16) * 10 * 2


def test_attention_of_a_model_without_heads() -> None:
    """A recurrent model has no attention memory to speak of."""
    assert attention_bytes(_header({"block_count": 8, "embedding_length": 64}, "mamba"), 4096) == 0


async def test_estimate_holds_against_a_real_child(tmp_path: Path) -> None:
    """A loaded child takes between half the estimate and all of it."""
    model = write_tiny_gguf(tmp_path / "model.gguf", context=4096, layers=8, width=512)
    how = Settings("", str(model), 4096, 4, 16, threads=1, vault_mib=0)
    estimate = need(read(model), how)
    assert estimate.weights > 60 * MB
    assert estimate.attention == 64 * MB * 2
    child = await launch(how, load_s=LOAD_S)
    try:
        taken = psutil.Process(child.process.pid).memory_info().rss
    finally:
        await child.close()
    assert 0.5 * estimate.total < taken < 1.05 * estimate.total


async def test_estimate_of_an_embedding_model_holds_while_it_works(shared: Path) -> None:
    """An embedding model keeps nothing of earlier texts: with full batches it takes most of the estimate, and no more."""
    model = shared / "models" / "all-MiniLM-L6-v2-q8_0.gguf"
    how = Settings("", str(model), 512, 4, 16, threads=1)
    estimate = need(read(model), how)
    assert (0, 0) == (estimate.attention, estimate.kept)
    child = await launch(how, load_s=LOAD_S)
    try:
        await child.client.ask(wire.Embed(child.client.next_id(), ["a word or two " * 100] * 8), wire.Embedded)
        taken = psutil.Process(child.process.pid).memory_info().rss
    finally:
        await child.close()
    assert 0.6 * estimate.total < taken < 1.05 * estimate.total


def test_available_memory_is_the_machines() -> None:
    """What is available lies between nothing and all there is."""
    available = available_bytes()
    assert available is not None
    assert 0 < available <= psutil.virtual_memory().total


@pytest.mark.parametrize(("limit", "expected"), [("max", None), ("1000", 1000 - 400 + 150)])
def test_container_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int | None
) -> None:
    """In a container its limit less what is taken, but for page cache that can be given back, is what is left."""
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 150\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_machine_bytes", lambda: 10**12)
    assert available_bytes() == (10**12 if expected is None else expected)


def test_container_of_the_old_kind_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control groups of version 1 are read too."""
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text("5000\n")
    (folder / "memory.usage_in_bytes").write_text("2000\n")
    (folder / "memory.stat").write_text("total_inactive_file 500\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert available_bytes() == 3500
