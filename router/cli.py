"""The `shunt` command: one small function for each verb; the heavy imports wait until a verb needs them."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from router import __version__
from router.applying import apply
from router.doctor.command import doctor
from router.engine.commands import app as models_app
from router.errors import ConfigError, RouterError
from router.keys.commands import app as keys_app
from router.launch.command import launch
from router.ledger.commands import ledger_app, usage
from router.policy.commands import app as policy_app
from router.quality.commands import calibrate, evaluate, train
from router.replay.commands import diff, replay
from router.watching.commands import tail, top

app = typer.Typer(
    name="shunt",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Send each prompt to the model that is good enough: a small one on this machine, or a large one behind an API."
        "\n\nStart with `shunt serve`, then point any OpenAI client at http://127.0.0.1:8080/v1."
        "\n\nTry `shunt ask 'What is the capital of France?'` or, without calling a model, `shunt route 'Prove that ...'`."
    ),
)
ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The policy file; default ./shunt.yaml, then the user's configuration folder."),
]
LogLevels = Annotated[
    str, typer.Option(envvar="SHUNT_LOG", help="Least level of the log, and of rooms: info,request=warning.")
]
Prompt = Annotated[str, typer.Argument(help="The prompt.")]
Model = Annotated[str, typer.Option("--model", "-m", help="A policy, a model or an alias.")]

errors = Console(stderr=True)


@app.command(rich_help_panel="Run")
def serve(
    config: ConfigPath = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    log: LogLevels = "info",
) -> None:
    """Serve the OpenAI-compatible API."""
    from router.serve import run

    run(config, host=host, port=port, levels=log)


@app.command(rich_help_panel="Run")
def engine(  # noqa: PLR0913, PLR0917 - an argument for each option
    model: Annotated[str, typer.Option(help="A GGUF file, or hf:org/repo/file.gguf@revision.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine need SHUNT_API_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 8081,
    context: Annotated[
        int, typer.Option(min=0, help="Tokens of one conversation; 0: the file's own, at most 8192.")
    ] = 0,
    parallel: Annotated[int, typer.Option(min=1, max=256, help="Conversations at one time.")] = 8,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="Default: all cores but one.")] = None,
    adapter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="A LoRA adapter, asked for as local:NAME; repeatable.")
    ] = None,
    log: LogLevels = "info",
) -> None:
    """Serve one GGUF model alone, without a policy file."""
    from dataclasses import replace

    from router.serve import run_config
    from router.standalone import adapters_of, config_of, model_of

    adapters = adapters_of(adapter or ())
    entry = replace(model_of(model), context=context, parallel=parallel, threads=threads, adapters=adapters)
    run_config(config_of(entry, host=host, port=port), log)


@app.command(rich_help_panel="Run")
def ask(prompt: Prompt, config: ConfigPath = None, model: Model = "auto") -> None:
    """Answer one prompt in the terminal and show the decision under the answer."""
    from router.ask import ask_once

    ask_once(prompt, config=config, model=model)


@app.command(rich_help_panel="Understand")
def route(
    prompt: Prompt,
    config: ConfigPath = None,
    model: Model = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain where a prompt would go, without calling a model."""
    from router.ask import explain_once

    explain_once(prompt, config=config, model=model, as_json=json)


@app.command(rich_help_panel="Understand")
def score(
    artifact: Annotated[
        Path | None, typer.Option(envvar="SHUNT_ARTIFACT", help="The classifier's folder; default: the one that ships.")
    ] = None,
) -> None:
    """Read {"prompt": ...} lines and write a {"score": ..., "task": ...} line for each; higher needs the large model."""
    import classifiers

    try:
        classifier = classifiers.load(artifact)
    except classifiers.ArtifactError as error:
        raise ConfigError(str(error)) from error
    for line in classifiers.score_lines(sys.stdin, classifier):
        sys.stdout.write(line + "\n")


@app.command(rich_help_panel="Configure")
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("shunt.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented policy file to start from."""
    from router.policy import DEFAULT_FILE

    if path.exists() and not force:
        raise ConfigError(f"{path} exists already; --force replaces it")
    path.write_bytes(DEFAULT_FILE.read_bytes())
    Console().print(f"Wrote {path}. Next: shunt policy check, then shunt serve.", highlight=False)


policy_app.command()(diff)
policy_app.command()(apply)
app.add_typer(policy_app, name="policy", rich_help_panel="Configure")
app.add_typer(keys_app, name="keys", rich_help_panel="Configure")
app.add_typer(models_app, name="models", rich_help_panel="Configure")
app.command(rich_help_panel="Understand")(usage)
app.add_typer(ledger_app, name="ledger", rich_help_panel="Understand")
app.command(rich_help_panel="Run")(doctor)
app.command(rich_help_panel="Run")(launch)
app.command(rich_help_panel="Understand")(replay)
app.command(rich_help_panel="Understand")(tail)
app.command(rich_help_panel="Understand")(top)
for verb in (calibrate, train, evaluate):
    app.command(rich_help_panel="Improve")(verb)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"shunt {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main() -> None:
    """Run the command; a configuration that is wrong ends with status 2, a request that fails with status 1."""
    try:
        app()
    except ConfigError as error:
        for problem in error.problems:
            errors.print(problem, style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except RouterError as error:
        errors.print(f"{error.code}: {error.message}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except ValueError as error:
        errors.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
