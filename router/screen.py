"""What a person sees when the router starts: the address, the models, the policy, and lines to paste."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from router import __version__
from router.config import ModelConfig
from router.policy.environment import BUILTIN_MODEL
from router.runtime import Runtime

COLOURS = {"ready": "green", "loading": "yellow", "down": "red", "missing": "yellow", "unloaded": "cyan"}


def show(runtime: Runtime, console: Console | None = None) -> None:
    """Print the start screen; plain text when the output is not a terminal."""
    console = console or Console()
    server = runtime.config.server
    base = f"http://{server.host if ':' not in server.host else f'[{server.host}]'}:{server.port}"
    source = runtime.config.path or runtime.config.origin
    console.print(f"\n[bold]Shunt {__version__}[/bold]  {base}", highlight=False)
    console.print(f"config   {source}", highlight=False, markup=False, soft_wrap=True)
    for line in (*_models(runtime), *_policies(runtime)):
        console.print(line, highlight=False, soft_wrap=True)
    for warning in runtime.config.warnings:
        console.print(f"warning  {warning}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    console.print(_pasteable(base), highlight=False, markup=False, soft_wrap=True)


def _models(runtime: Runtime) -> Iterator[str]:
    width = max(map(len, runtime.targets))
    for name, target in runtime.targets.items():
        state, model = target.state(), target.config
        what = _source(model)
        status = f"[{COLOURS[state.status]}]{state.status:8}[/]"
        reason = state.reason or ""
        detail = reason if what in reason else f"{what}  {reason}"
        yield f"model    {name:{width}}  {status} {model.zone:6}  {escape(detail)}"


def _source(model: ModelConfig) -> str:
    if model.source == str(BUILTIN_MODEL):
        return "the built-in specialist (router/builtin/card.md)"
    return model.source or " ".join(part for part in (model.model, model.base_url) if part)


def _policies(runtime: Runtime) -> Iterator[str]:
    for policy in runtime.config.policies.values():
        yield f"policy   {policy.name}: {escape(', then '.join(rule.id for rule in policy.select))}"


def _pasteable(base: str) -> str:
    return f"""
curl       curl {base}/v1/chat/completions -H 'content-type: application/json' \\
             -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
openai     OpenAI(base_url="{base}/v1", api_key="unused").chat.completions.create(model="auto", ...)
anthropic  export ANTHROPIC_BASE_URL={base}   # Claude Code, the Anthropic SDKs: /v1/messages
agents     shunt launch claude   # or codex, opencode, ...: started with what it needs
why        shunt route "Prove that there are infinitely many primes."
metrics    {base}/metrics
"""
