"""`shunt doctor`: look at everything, say what to do."""

import asyncio
import platform
from collections import Counter
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
    console, levels = Console(), Counter[str]()
    for finding in _findings(config, offline=offline):
        _show(finding, console)
        levels[finding.level] += 1
    console.print(_verdict(levels["bad"], levels["note"]), highlight=False)
    raise typer.Exit(1 if levels["bad"] else 0)


def _verdict(bad: int, notes: int) -> str:
    noted = f", and {notes} to note" if notes else ""
    return f"\n{bad} to mend{noted}." if bad else f"\nNothing keeps it from serving{noted}: `shunt serve`."


def _findings(path: Path | None, *, offline: bool) -> Iterator[Finding]:
    # Help must not wait for the engine and the ledger.
    from router import __version__, policy  # noqa: PLC0415
    from router.doctor import address, machine, rules, stores, targets  # noqa: PLC0415
    from router.errors import ConfigError  # noqa: PLC0415
    from router.telemetry import log  # noqa: PLC0415
    from router.telemetry.levels import Levels  # noqa: PLC0415

    log.configure(Levels("CRITICAL"))
    yield Finding("ok", "version", f"Shunt {__version__}, Python {platform.python_version()}")
    try:
        config = policy.load(path)
    except ConfigError as error:
        yield Finding("bad", "policy", str(error), "Each line above is one; `shunt init` writes a file that loads.")
        return
    yield Finding("ok", "policy", str(config.path or config.origin))
    yield from machine.findings(config.state_dir)
    yield from address.findings(config)
    yield from rules.findings(config)
    files = list(targets.files(config))
    yield from files
    if offline:
        return
    yield from stores.findings(config)
    broken = {finding.subject for finding in files if finding.level == "bad"}
    try:
        yield from asyncio.run(targets.words(config, broken))
    except ConfigError as error:
        yield Finding("bad", "start", str(error), "The findings above say what to do.")


def _show(finding: Finding, console: Console) -> None:
    line = f"{_MARKS[finding.level]}  {finding.subject:10} {escape(finding.found)}"
    console.print(line, highlight=False, soft_wrap=True)
    if finding.cure:
        console.print(f"      {'':10} {escape(finding.cure)}", highlight=False, soft_wrap=True, style="bold")
