"""`shunt ask` and `shunt route`: one prompt in the terminal."""

import asyncio
import json
import secrets
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router import policy
from router.chat import ChatRequest, Chunk
from router.exchange import Exchange
from router.explanation import Explanation, explain
from router.ledger.record import UsageRecord
from router.runtime import Runtime
from router.telemetry import log
from router.telemetry.levels import Levels

out = Console()


def ask_once(prompt: str, *, config: Path | None, model: str) -> None:
    """Answer `prompt` as the server would, ledger included, and print the decision under the answer.

    Raises:
        ConfigError, RouterError: as for the server.
    """
    log.configure(Levels("WARNING"))
    asyncio.run(_ask(Runtime(policy.load(config)), _request(prompt, model)))


def explain_once(prompt: str, *, config: Path | None, model: str, as_json: bool) -> None:
    """Print where `prompt` would go and why; no model is started or called.

    Raises:
        ConfigError, RouterError: as for the server.
    """
    log.configure(Levels("WARNING"))
    runtime = Runtime(policy.load(config))
    request = _request(prompt, model)
    explanation = explain(runtime, request, asyncio.run(runtime.decide(request, {})))
    if as_json:
        out.print_json(json.dumps(asdict(explanation)))
    else:
        show_explanation(explanation, out)


def _request(prompt: str, model: str) -> ChatRequest:
    return ChatRequest(
        model=model,
        messages=({"role": "user", "content": prompt},),
        max_tokens=None,
        stream=True,
        include_usage=True,
        params={},
        request_id=f"req_{secrets.token_hex(12)}",
    )


async def _ask(runtime: Runtime, request: ChatRequest) -> None:
    await runtime.start()
    try:
        with out.status("starting the models"):
            await runtime.settled()
        verdict = await runtime.decide(request, {})
        exchange = Exchange(runtime, request, verdict, {})
        async with exchange.accounted():
            await _print_answer(exchange)
            record = exchange.settle("ok")
        out.print(f"\n{_summary(record)}", style="dim", highlight=False, markup=False, soft_wrap=True)
    finally:
        await runtime.close()


def _summary(record: UsageRecord) -> str:
    parts = [
        record.target,
        f"rule {record.rule} ({record.reason})",
        "" if record.score is None else f"score {record.score:.2f}",
        f"{record.prompt_tokens}+{record.completion_tokens} tokens",
        _usd(record.cost_usd),
        f"{record.latency_s:.2f} s",
    ]
    return " | ".join(part for part in parts if part)


async def _print_answer(exchange: Exchange) -> None:
    async with aclosing(exchange.events()) as events:
        async for event in events:
            content = event.delta.get("content") if isinstance(event, Chunk) else None
            if isinstance(content, str):
                out.print(content, end="", highlight=False, markup=False, soft_wrap=True)
    out.print()


def show_explanation(explanation: Explanation, console: Console) -> None:
    """The table form of an explanation."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for name, value in _rows(explanation):
        table.add_row(name, escape(value))
    console.print(table)


def _rows(why: Explanation) -> list[tuple[str, str]]:
    rows = [("target", why.target), ("rule", f"{why.policy} / {why.rule} ({why.reason})")]
    if why.score is not None:
        rows.append(("score", f"{why.score:.3f}  (0: the small model is surely good enough, 1: surely not)"))
        rows.append(("task", str(why.task)))
    rows += [("moved by", f"{item.log_odds:+.2f}  {item.words}") for item in why.moved_by]
    rows += [("similar to", f"{cosine:.3f}  {name}") for name, cosine in why.similar_to.items()]
    rows += [("guard", f"{refusal.guard} refuses {refusal.target}: {refusal.why}") for refusal in why.guards]
    rows.append(("plan", ", then ".join(why.plan)))
    costs = ", ".join(f"{name} {_usd(cost)}" for name, cost in why.expected_cost_usd.items())
    size = f"{why.prompt_tokens} tokens in{'' if why.prompt_tokens_exact else ' at most'}"
    rows.append(("expected", f"{costs}  ({size}, {why.expected_completion_tokens} out)"))
    return rows


def _usd(cost: float | None) -> str:
    return "unknown price" if cost is None else f"${cost:.6f}"
