"""`shunt policy schema | check | test`: what an operator and a pipeline run on the file before it serves."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from router.config import Config, ModelConfig, Policy, PolicyTest, Rule
from router.policy.artifact import load_classifier
from router.policy.clock import moment
from router.policy.examples import run_tests
from router.policy.loading import load
from router.policy.plan import needs_score
from router.policy.publication import json_schema
from router.policy.steps import steps

app = typer.Typer(no_args_is_help=True, help="Check and test the policy file; print its schema for editors.")

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The policy file; default ./shunt.yaml, then the user's configuration folder."),
]


@app.command()
def schema() -> None:
    """Print the JSON Schema of the policy file."""
    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def check(config: ConfigPath = None) -> None:
    """Say everything that is wrong with the file, with lines, and what is seldom meant; exit status 2 if it is wrong."""
    found, console = load(config), Console()
    for model in found.models.values():
        _line(console, "model", model.name, _model_words(model), style="yellow" if model.missing else "")
    for policy in found.policies.values():
        _line(console, "policy", policy.name, _policy_words(policy))
    for guard in found.guards:
        _line(console, "guard", guard.id, ", ".join(sorted(guard.allow_zone or guard.require)))
    for warning in found.warnings:
        console.print(Text.assemble(("warning  ", "yellow"), " ", warning), soft_wrap=True)
    _line(console, "sound", f"{len(found.tests)} tests", _source(found), style="green")


@app.command("test")
def run_examples(config: ConfigPath = None) -> None:
    """Run the tests in the file; no model is called. Exit status 1 if one fails."""
    found, console = load(config), Console()
    results = run_tests(found, load_classifier(found))
    for result in results:
        mark, style = ("ok", "green") if result.passed else ("FAILED", "bold red")
        _line(console, mark, f"line {result.test.line}", f"{result.words}  {result.test.prompt[:60]!r}", style=style)
        for failure in result.failures:
            _line(console, "", "", failure, style="red")
    failed = sum(not result.passed for result in results)
    _line(console, f"{len(results) - failed} passed", f"{failed} failed", _source(found))
    raise typer.Exit(1 if failed else 0)


@app.command()
def explain(  # noqa: PLR0913, PLR0917 - an argument for each option
    prompt: Annotated[str, typer.Option(help="What the user says.")],
    config: ConfigPath = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A policy, a model or an alias.")] = None,
    caller: Annotated[list[str] | None, typer.Option(help="A tag of the caller's key; repeatable.")] = None,
    header: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A header; repeatable.")] = None,
    needs: Annotated[list[str] | None, typer.Option(help="json, tools, vision, and so on; repeatable.")] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=0, help="Length of the whole prompt.")] = None,
    past: Annotated[str | None, typer.Option(help="The model that the conversation is at.")] = None,
    down: Annotated[list[str] | None, typer.Option(help="A model that is down; repeatable.")] = None,
    at: Annotated[str | None, typer.Option(help="When, like 2026-03-02T10:00:00+01:00.")] = None,
) -> None:
    """Print how one request would be decided, step by step; no model is called."""
    found, console = load(config), Console()
    written = [pair.partition("=") for pair in header or ()]
    if any(not equals for _, equals, _ in written):
        raise typer.BadParameter("write NAME=VALUE", param_hint="--header")
    if at is not None and moment(at) is None:
        raise typer.BadParameter("a moment with its offset, like 2026-03-02T10:00:00+01:00", param_hint="--at")
    test = PolicyTest(
        prompt,
        {name.lower(): value for name, _, value in written},
        model,
        frozenset(down or ()),
        expect={},
        line=0,
        needs=frozenset(needs or ()),
        prompt_tokens=prompt_tokens,
        caller=frozenset(caller or ()),
        at=None if at is None else moment(at),
        past=past,
    )
    judgement = load_classifier(found).judge(prompt) if needs_score(found, model or found.default_policy) else None
    for kind, words in steps(found, test, judgement):
        console.print(Text.assemble((f"{kind:<9}", "red" if kind == "error" else ""), " ", words), soft_wrap=True)


def _line(console: Console, first: str, second: str, rest: str, *, style: str = "") -> None:
    """One line in three columns; colour only in the first, and none at all outside a terminal."""
    console.print(Text.assemble((f"{first:<9}", style), f" {second:<12} ", rest), soft_wrap=True)


def _source(config: Config) -> str:
    return str(config.path or "the built-in default")


def _model_words(model: ModelConfig) -> str:
    if model.missing:
        return f"not configured: {model.missing}"
    window = f"{model.context} tokens" if model.context else "window as the file says"
    return f"{model.backend}, {model.zone}, {window}, can {' '.join(sorted(model.can))}"


def _policy_words(policy: Policy) -> str:
    rules = " > ".join(_rule_words(rule) for rule in policy.select)
    return f"{rules}; on failure: {', '.join(policy.on_failure) or 'nothing'}"


def _rule_words(rule: Rule) -> str:
    if rule.threshold is None:
        return f"{rule.id} → {rule.target}"
    band = rule.abstain
    unsure = f", {band.start:g} to {band.stop:g} → {band.target}" if band else ""
    lock = ", from the lock" if rule.is_locked else ""
    return f"{rule.id} (score < {rule.threshold:g}{lock}) → {rule.low}{unsure}, else {rule.high}"
