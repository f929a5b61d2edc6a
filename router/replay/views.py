"""A summary as a table for a person and as JSON."""

import json

from rich.console import Console
from rich.table import Table

from router.replay.summary import Sum, Summary, targets

PLAIN_WIDTH = 160
NOTES = (
    "Tokens are those that were used then, also where another model would have answered; caches do not count there.",
    "Every model counts as ready, nobody waits, and each turn of a conversation is decided by itself.",
    "The ledger keeps no words and no headers: a condition on them counts only where what happened tells it.",
    "What a recorded request needed beside chat (tools, images, JSON) is not known. A split is drawn anew.",
)


def show(found: Summary, names: tuple[str, str], console: Console, examples: int = 0) -> None:
    """The table; plain text when the output is not a terminal."""
    if not console.is_terminal:
        console = Console(file=console.file, width=PLAIN_WIDTH)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in ("", *names, "difference"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows(found):
        table.add_row(*row)
    _say(console, f"{found.requests:,} requests, {found.told:,} of which can be told; {found.changed:,} would change")
    console.print(table)
    for (was, now), flip in sorted(found.flips.items(), key=lambda item: -item[1].requests):
        _say(console, f"{flip.requests:>9,}  {was} -> {now}  {flip.usd:+.6f} USD")
    for pair in found.examples[:examples]:
        before, after = pair.before, pair.after
        _say(console, f"  {pair.place}: {before.words} ({before.rule}) -> {after.words} ({after.rule})")
    for why, count in found.unknown.most_common():
        _say(console, f"{count:>9,}  cannot be told: {why}")
    if found.checked:
        _say(
            console,
            f"{found.checked:>9,}  would be checked by verify, and some of them move: what that costs is not in here",
        )
    if examples == 0:
        for note in NOTES:
            console.print(note, style="dim", highlight=False, markup=False, soft_wrap=True)


def rows(found: Summary) -> list[tuple[str, str, str, str]]:
    """Mix, cost and saving of both sides, with the difference."""
    told = max(found.told, 1)
    table = []
    for name in targets(found):
        was, now = (100 * side.mix[name] / told for side in (found.before, found.after))
        table.append((f"to {name}", f"{was:.1f} %", f"{now:.1f} %", f"{now - was:+.1f}"))
    before, after = found.before.cost_usd, found.after.cost_usd
    priced = "" if found.priced == found.told else f" ({found.priced:,} of known price)"
    table.append((f"cost{priced}", f"${before:.6f}", f"${after:.6f}", f"{after - before:+.6f}"))
    savings = [found.saving_pct(side) for side in (found.before, found.after)]
    if savings[0] is not None and savings[1] is not None:
        change = savings[1] - savings[0]
        table.append(("saved, of the largest alone", f"{savings[0]:.1f} %", f"{savings[1]:.1f} %", f"{change:+.1f}"))
    return table


def as_json(found: Summary, names: tuple[str, str]) -> str:
    """One object; money in USD."""
    return json.dumps(
        {
            "requests": found.requests,
            "told": found.told,
            "changed": found.changed,
            "unknown": dict(found.unknown),
            "checked": found.checked,
            names[0]: _side(found, found.before),
            names[1]: _side(found, found.after),
            "flips": [
                {"from": was, "to": now, "requests": flip.requests, "usd": round(flip.usd, 9)}
                for (was, now), flip in sorted(found.flips.items())
            ],
            "examples": [
                {
                    "request": pair.place,
                    "from": {"target": pair.before.words, "rule": pair.before.rule, "usd": pair.before.cost_usd},
                    "to": {"target": pair.after.words, "rule": pair.after.rule, "usd": pair.after.cost_usd},
                }
                for pair in found.examples
            ],
        },
        indent=2,
    )


def _side(found: Summary, side: Sum) -> dict[str, object]:
    return {
        "mix": dict(side.mix),
        "rules": dict(side.rules),
        "usd": round(side.cost_usd, 9),
        "saving_pct": found.saving_pct(side),
    }


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, markup=False, soft_wrap=True)
