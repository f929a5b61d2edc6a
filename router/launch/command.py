"""`shunt launch`. What it needs is imported when it runs: help must not wait for it."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.launch.agents import Agent
    from router.launch.start import Place

Name = Annotated[str, typer.Argument(help="claude, codex, opencode, ...; without a name, all of them are listed.")]


def launch(  # noqa: PLR0913, PLR0917 - an argument for each option
    name: Name = "",
    arguments: Annotated[list[str] | None, typer.Argument(help="What follows -- is the program's own.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The policy file, as for `shunt serve`.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The router's address, if it is not where the policy file says.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="A policy, a model or an alias.")] = "auto",
    only_print: Annotated[bool, typer.Option("--print", help="Print the command for a shell; start nothing.")] = False,
    show_key: Annotated[bool, typer.Option("--show-key", help="Let --print show the key itself.")] = False,
) -> None:
    """Start an installed agent program against the running router; a key is read from SHUNT_API_KEY."""
    from router.launch import router  # noqa: PLC0415
    from router.launch.agents import AGENTS  # noqa: PLC0415

    if not name:
        _list(AGENTS)
        return
    if name not in AGENTS:
        raise ConfigError(f"{name} is not known here; known are {', '.join(AGENTS)}")
    place = router.place(config, url, model, os.environ)
    start = AGENTS[name].start(place)
    start = replace(start, command=(*start.command, *(arguments or ())))
    if only_print:
        _print(start.shown(None if show_key else place.key), place)
        return
    if shutil.which(start.command[0]) is None:
        raise ConfigError(f"{AGENTS[name].title} is not installed ({AGENTS[name].install})")
    router.greet(place)
    start.run()


def _list(agents: "Mapping[str, Agent]") -> None:
    for name, agent in agents.items():
        state = "installed" if shutil.which(name) else f"not installed ({agent.install})"
        typer.echo(f"{name:10} {agent.title:12} {state}")


def _print(line: str, place: "Place") -> None:
    from router.launch.start import KEY_VARIABLE  # noqa: PLC0415

    typer.echo(line)
    if f"${KEY_VARIABLE}" in line and os.environ.get(KEY_VARIABLE) != place.key:
        typer.echo(f"{KEY_VARIABLE} has to be a key of the router.", err=True)
