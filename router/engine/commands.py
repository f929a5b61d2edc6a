"""`shunt models list | pull | show | rm`: the models of the policy file, and the files of the local ones."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from router.config import Config, ModelConfig
from router.engine import catalogue, source
from router.engine.catalogue import Entry
from router.engine.gguf import GgufError
from router.engine.location import SourceError
from router.engine.progress import shown
from router.errors import ConfigError

PIPED_COLUMNS = 200  # a table in a file is read by a program, which wants each row on one line

app = typer.Typer(no_args_is_help=True, help="The models of the policy file, and the files of the local ones.")

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The policy file; default ./shunt.yaml, then the user's configuration folder."),
]
Name = Annotated[str, typer.Argument(help="A model of the policy file.")]


@app.command("list")
def list_models(config: ConfigPath = None) -> None:
    """Show every model: where it comes from, whether it is here, and what it needs in memory."""
    found = _load(config)
    table = Table("model", "backend", "source", "here", "weights", "window", "memory", box=None, pad_edge=False)
    for model in found.models.values():
        table.add_row(model.name, model.backend, *_columns(model, found.cache_dir))
    _console().print(table)


@app.command()
def pull(
    name: Annotated[str | None, typer.Argument(help="A model of the policy file; without it, all of them.")] = None,
    config: ConfigPath = None,
) -> None:
    """Fetch the files that are not here yet, and check those that are."""
    found = _load(config)
    failed = False
    for model in [_named(found, name)] if name else catalogue.local(found):
        failed = not _pull(model, found.cache_dir) or failed
    raise typer.Exit(1 if failed else 0)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model of the policy file, or the path of a GGUF file.")],
    config: ConfigPath = None,
) -> None:
    """Tell what a file holds and, before it is loaded, whether it fits into memory."""
    found = _load(config)
    model = found.models.get(name) or catalogue.of_file(name)
    if model is None:
        raise _unknown(found, name)
    entry = _entry(model, found.cache_dir)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for row in catalogue.facts(entry):
        table.add_row(*row)
    _console().print(table)
    if not entry.fits:
        raise typer.Exit(1)


@app.command()
def rm(
    name: Name,
    config: ConfigPath = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a fetched file from the cache; a file that you named by its path is never touched."""
    found = _load(config)
    path = catalogue.cached(_named(found, name), found.cache_dir)
    if path is None:
        raise ConfigError(f"{name} is not a fetched model: its file is yours to remove")
    if not path.exists():
        _say(f"{name}: nothing to remove")
        return
    if not yes:
        typer.confirm(f"Remove {path} ({decimal(path.stat().st_size)})?", abort=True)
    freed = catalogue.remove(path)
    _say(f"{name}: removed, {decimal(freed)} freed")


def _load(config: Path | None) -> Config:
    from router.policy import load  # noqa: PLC0415 (help must not wait for the schema's imports)

    return load(config)


def _columns(model: ModelConfig, cache_dir: Path) -> tuple[str, ...]:
    """Source, whether it is here, weights, window, memory."""
    if model.backend != "llama.cpp" or model.source is None:
        return (model.source or model.model or model.base_url or "", model.missing or "remote")
    try:
        if not catalogue.path_of(model, cache_dir).exists():
            return (model.source, "no")
        entry = catalogue.entry_of(model, cache_dir)
    except (SourceError, GgufError) as error:
        return (model.source, str(error))
    header = entry.header
    weights = f"{header.parameters / 1e6:,.0f} M {header.quantization}"
    return (model.source, "yes", weights, f"{entry.settings.context:,}", decimal(entry.need.total))


def _pull(model: ModelConfig, cache_dir: Path) -> bool:
    try:
        path = asyncio.run(_resolve(model, model.source or "", model.sha256, cache_dir))
        for adapter in model.adapters.values():
            asyncio.run(_resolve(model, adapter, None, cache_dir))
        catalogue.entry_of(model, cache_dir)
    except (SourceError, GgufError) as error:
        _complain(str(error))
        return False
    _say(f"{model.name}: {path}")
    return True


async def _resolve(model: ModelConfig, written: str, sha256: str | None, cache_dir: Path) -> Path:
    with shown(model.name, Console(stderr=True)) as report:
        return await source.resolve(written, sha256, cache_dir, report)


def _entry(model: ModelConfig, cache_dir: Path) -> Entry:
    try:
        return catalogue.entry_of(model, cache_dir)
    except (SourceError, GgufError) as error:
        _complain(str(error))
        raise typer.Exit(1) from error


def _named(config: Config, name: str) -> ModelConfig:
    model = config.models.get(name)
    if model is None or model.backend != "llama.cpp" or model.source is None:
        raise _unknown(config, name)
    return model


def _unknown(config: Config, name: str) -> ConfigError:
    names = ", ".join(model.name for model in catalogue.local(config)) or "none"
    return ConfigError(f"{name} is not a local model of the policy file; there are: {names}")


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_COLUMNS)


def _say(line: str) -> None:
    Console().print(line, highlight=False, markup=False, soft_wrap=True)


def _complain(line: str) -> None:
    Console(stderr=True).print(line, style="red", highlight=False, markup=False, soft_wrap=True)
