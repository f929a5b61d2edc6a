"""What is known of the local models' files without loading them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from router.config import Config, ModelConfig
from router.engine.defaults import told
from router.engine.gguf import Gguf, GgufError
from router.engine.inspection import inspect, inspect_adapter
from router.engine.location import HubFile, parse, place
from router.engine.memory import Need, available_bytes, need
from router.engine.serving import settings_of
from router.engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Entry:
    """A model whose file is here: its header, how it would be served, and the memory for that (bytes)."""

    model: ModelConfig
    header: Gguf
    settings: Settings
    need: Need
    available: int | None

    @property
    def fits(self) -> bool:
        """True when the memory suffices, or when nobody knows how much there is."""
        return self.available is None or self.need.total <= self.available


def local(config: Config) -> Iterator[ModelConfig]:
    """The models that this machine serves itself."""
    return (model for model in config.models.values() if model.backend == "llama.cpp" and model.source)


def of_file(written: str) -> ModelConfig | None:
    """An entry with the defaults of the policy file for a GGUF file that none of its models names."""
    path = Path(written).expanduser()
    if not path.is_file():
        return None
    can = frozenset({"chat"})
    return ModelConfig(path.stem, "llama.cpp", "local", can, context=0, source=str(path.absolute()))


def path_of(model: ModelConfig, cache_dir: Path) -> Path:
    """Where the file is, or will be. Raises `SourceError`."""
    return place(model.source or "", cache_dir)


def entry_of(model: ModelConfig, cache_dir: Path) -> Entry:
    """What the files of `model` say; adapters that are still to be fetched are left out.

    Raises:
        SourceError, GgufError: a file is not here or cannot be served.
    """
    header = inspect(path_of(model, cache_dir))
    settings = settings_of(model, header, dict(_adapters(model, header, cache_dir)))
    return Entry(model, header, settings, need(header, settings), available_bytes())


def _adapters(model: ModelConfig, base: Gguf, cache_dir: Path) -> Iterator[tuple[str, Path]]:
    for name, written in model.adapters.items():
        path = place(written, cache_dir)
        if path.exists() or not written.startswith("hf:"):
            try:
                yield name, inspect_adapter(path, base).path
            except GgufError as error:
                raise GgufError(f"adapter {name}: {error}") from error


def cached(model: ModelConfig, cache_dir: Path) -> Path | None:
    """The place of a fetched file; None for one that the user keeps. Raises `SourceError`."""
    location = parse(model.source) if model.backend == "llama.cpp" and model.source else None
    return location.place(cache_dir) if isinstance(location, HubFile) else None


def remove(path: Path) -> int:
    """Remove a fetched file, what was left of its transfers, and the folders this empties; bytes freed."""
    freed = 0
    for one in (path, *path.parent.glob("*.part"), *path.parent.glob("*.lock")):
        if one == path or one.name.startswith(f"{path.name}."):
            freed += one.stat().st_size if one.exists() else 0
            one.unlink(missing_ok=True)
    with suppress(OSError):  # not empty: another file of the same repository
        for folder in path.parents[:3]:
            folder.rmdir()
    return freed


def facts(entry: Entry) -> Iterator[tuple[str, str]]:
    """What `shunt models show` tells, in reading order."""
    header, how, needed = entry.header, entry.settings, entry.need
    yield "model", entry.model.name
    yield "file", str(header.path)
    yield "name", header.name
    yield "architecture", header.architecture
    yield "parameters", f"{header.parameters / 1e6:,.1f} M in {header.quantization}"
    yield "tokenizer", f"{header.tokenizer}, {header.vocabulary:,} tokens"
    if not header.is_embedding:
        yield "chat template", "in the file" if header.has_template else "none: name one in the policy file"
        yield "sampling", told(entry.model, header) or "as each request says"
    at_a_time = "an embedding model" if header.is_embedding else f"{how.parallel} at a time"
    yield "window", f"{how.context:,} of the {header.context:,} tokens it was trained with; {at_a_time}"
    if entry.model.adapters:
        yield "adapters", ", ".join(entry.model.adapters)
    yield "weights", decimal(needed.weights)
    kept = f", and up to {decimal(needed.kept)} for earlier conversations" if needed.kept else ""
    yield "attention", f"{decimal(needed.attention)}{kept}"
    yield "buffers", decimal(needed.buffers + needed.process)
    yield "needed", f"{decimal(needed.total)} (estimate)"
    yield "available", "unknown" if entry.available is None else decimal(entry.available)
    yield "fits", "yes" if entry.fits else "no: choose a smaller context, less parallel, or a smaller file"
