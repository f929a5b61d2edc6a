"""`shunt policy apply`: the running servers take the policy file as it is now."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The policy file; default ./shunt.yaml, then the user's configuration folder."),
]


def apply(config: ConfigPath = None) -> None:
    """Have every running server of this file take it now, and say what each made of it; exit status 1 if one refused."""
    # Help must not wait for the policy's rooms.
    from router.control import apply_everywhere  # noqa: PLC0415
    from router.errors import ConfigError  # noqa: PLC0415
    from router.policy.loading import find  # noqa: PLC0415

    path = find(config)
    if path is None:
        raise ConfigError("there is no policy file here: `shunt init` writes one")
    console, is_refused = Console(), False
    for answer in apply_everywhere(path):
        is_refused = is_refused or bool(answer.problems)
        verdict = "refused it, the old policy goes on" if answer.problems else "took it"
        console.print(f"process {answer.pid} {verdict}", highlight=False, markup=False, soft_wrap=True)
        for words in (*answer.problems, *answer.warnings, *answer.kept):
            console.print(f"  {words}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1 if is_refused else 0)
