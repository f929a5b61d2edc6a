"""What a person sees when the router starts: the address, the models, the policy, and lines to paste."""

from rich.console import Console
from rich.table import Table

from router import __version__
from router.runtime import Runtime

COLOURS = {"ready": "green", "loading": "yellow", "down": "red", "missing": "yellow"}


def show(runtime: Runtime, console: Console | None = None) -> None:
    """Print the start screen; plain text when the output is not a terminal."""
    console = console or Console()
    server = runtime.config.server
    base = f"http://{server.host if ':' not in server.host else f'[{server.host}]'}:{server.port}"
    source = runtime.config.path or "the built-in default (`shunt init` writes it to shunt.yaml)"
    console.print(f"\n[bold]Shunt {__version__}[/bold]  {base}", highlight=False)
    console.print(f"policy   {source}", highlight=False, markup=False, soft_wrap=True)
    console.print(_models(runtime))
    console.print(_pasteable(base), highlight=False, markup=False, soft_wrap=True)


def _models(runtime: Runtime) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 3, 0, 0))
    for name, target in runtime.targets.items():
        state, model = target.state(), target.config
        what = model.source or model.model or model.base_url or ""
        status = f"[{COLOURS[state.status]}]{state.status}[/]"
        table.add_row("model", name, model.zone, model.backend, what, status, state.reason or "")
    for policy in runtime.config.policies.values():
        rules = " > ".join(rule.id for rule in policy.select)
        table.add_row("policy", policy.name, "", "", rules, "", "")
    return table


def _pasteable(base: str) -> str:
    return f"""
curl     curl {base}/v1/chat/completions -H 'content-type: application/json' \\
           -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
openai   OpenAI(base_url="{base}/v1", api_key="unused").chat.completions.create(model="auto", ...)
env      export OPENAI_BASE_URL={base}/v1
why      shunt route "Prove that there are infinitely many primes."      metrics  {base}/metrics
"""
