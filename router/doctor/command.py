"""`shunt doctor`: look at everything, say what to do."""

import asyncio
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from router.doctor.finding import Finding

_MARKS: Final = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]BAD [/]"}


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Start and ask no model.")] = False,
) -> None:
    """Look at machine, policy file, address and models, and say what to do about each finding."""
    console, is_bad = Console(), False
    for finding in _findings(config, offline=offline):
        _show(finding, console)
        is_bad |= finding.level == "bad"
    raise typer.Exit(1 if is_bad else 0)


def _findings(path: Path | None, *, offline: bool) -> Iterator[Finding]:
    # Help must not wait for the engine and the ledger.
    from router import __version__, policy  # noqa: PLC0415
    from router.doctor import address, machine, targets  # noqa: PLC0415
    from router.errors import ConfigError  # noqa: PLC0415
    from router.telemetry import log  # noqa: PLC0415
    from router.telemetry.levels import Levels  # noqa: PLC0415

    log.configure(Levels("CRITICAL"))
    yield Finding("ok", "version", f"Shunt {__version__}, Python {platform.python_version()}")
    try:
        config = policy.load(path)
    except ConfigError as error:
        yield Finding("bad", "policy", str(error), "`shunt policy check` shows the lines.")
        return
    yield Finding("ok", "policy", str(config.path or config.origin))
    yield from machine.findings(config.state_dir)
    yield from address.findings(config)
    yield from targets.files(config)
    if not offline:
        yield from asyncio.run(targets.words(config))


def _show(finding: Finding, console: Console) -> None:
    line = f"{_MARKS[finding.level]}  {finding.subject:10} {escape(finding.found)}"
    console.print(line, highlight=False, soft_wrap=True)
    if finding.cure:
        console.print(f"      {'':10} {escape(finding.cure)}", highlight=False, soft_wrap=True, style="bold")
