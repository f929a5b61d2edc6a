"""`shunt ask` and `shunt route`: one prompt in the terminal."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from router import policy
from router.chat import ChatRequest, Chunk
from router.exchange import Exchange
from router.explanation import explain
from router.runtime import Runtime
from router.telemetry import log

out = Console()


def ask_once(prompt: str, *, config: Path | None, model: str) -> None:
    """Answer `prompt` as the server would, ledger included, and print the decision under the answer.

    Raises:
        ConfigError, RouterError: as for the server.
    """
    log.configure(level="WARNING")
    asyncio.run(_ask(Runtime(policy.load(config)), _request(prompt, model)))


def explain_once(prompt: str, *, config: Path | None, model: str, as_json: bool) -> None:
    """Print where `prompt` would go and why; no model is started or called.

    Raises:
        ConfigError, RouterError: as for the server.
    """
    log.configure(level="WARNING")
    runtime = Runtime(policy.load(config))
    request = _request(prompt, model)
    explanation = explain(runtime, request, asyncio.run(runtime.decide(request, {})))
    if as_json:
        out.print_json(json.dumps(explanation))
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
        cost = "unknown price" if record.cost_usd is None else f"${record.cost_usd:.6f}"
        tokens = f"{record.prompt_tokens}+{record.completion_tokens} tokens"
        score = "" if record.score is None else f"score {record.score:.2f} | "
        line = f"{record.target} | rule {record.rule} ({record.reason}) | {score}{tokens} | {cost} | {record.latency_s:.2f} s"
        out.print(f"\n{line}", style="dim", highlight=False, markup=False)
    finally:
        await runtime.close()


async def _print_answer(exchange: Exchange) -> None:
    async with aclosing(exchange.events()) as events:
        async for event in events:
            content = event.delta.get("content") if isinstance(event, Chunk) else None
            if isinstance(content, str):
                out.print(content, end="", highlight=False, markup=False, soft_wrap=True)
    out.print()


def show_explanation(explanation: Mapping[str, object], console: Console) -> None:
    """The table form of `explain`'s answer."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for name, value in _rows(explanation):
        table.add_row(name, value)
    console.print(table, markup=False)


def _rows(explanation: Mapping[str, object]) -> list[tuple[str, str]]:
    rows = [
        ("target", f"{explanation['target']}"),
        ("rule", f"{explanation['policy']} / {explanation['rule']} ({explanation['reason']})"),
    ]
    if isinstance(explanation["score"], float):
        rows.append(("score", f"{explanation['score']:.3f}  (0 = the small model is surely good enough, 1 = surely not)"))
    rows.append(("task", str(explanation["task"])))
    rows += [("moved by", _moved(item)) for item in _items(explanation["moved_by"])]
    rows += [("guard", f"{item['guard']} refuses {item['target']}: {item['why']}") for item in _items(explanation["guards"])]
    rows.append(("plan", " then ".join(str(name) for name in _list(explanation["plan"]))))
    expected = explanation["expected"]
    if isinstance(expected, Mapping):
        costs = expected["cost_usd"]
        if isinstance(costs, Mapping):
            words = ", ".join(f"{name} {_usd(cost)}" for name, cost in costs.items())
            rows.append(("expected", f"{words}  (for {expected['completion_tokens']} tokens)"))
    return rows


def _moved(item: Mapping[str, object]) -> str:
    log_odds = item["log_odds"]
    return f"{log_odds:+.2f}  {item['words']}" if isinstance(log_odds, float) else str(item["words"])


def _usd(cost: object) -> str:
    return f"${cost:.6f}" if isinstance(cost, float) else "unknown price"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _items(value: object) -> list[Mapping[str, object]]:
    return [item for item in _list(value) if isinstance(item, Mapping)]
