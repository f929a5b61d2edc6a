"""A summary as one HTML page that needs nothing else: no script, no font, no address."""

from collections.abc import Sequence
from html import escape

from router.replay.summary import Summary, targets
from router.replay.views import NOTES, rows

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;margin:1rem 0;width:100%}td,th{padding:.3rem .6rem;text-align:right;"
    "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}"
    ".bar{display:flex;height:1.4rem;border-radius:3px;overflow:hidden;margin:.2rem 0}"
    ".note{color:#555;font-size:13px}@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}"
    "td,th{border-color:#444}.note{color:#aaa}}"
)
COLOURS = ("#3b6fb6", "#d98032", "#5a9e6f", "#9a62a8", "#b8a13a", "#777777")


def page(found: Summary, names: tuple[str, str]) -> str:
    """The whole page. Everything that comes from a file is escaped."""
    flips = sorted(found.flips.items(), key=lambda item: -item[1].requests)
    return "".join(
        (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Shunt: replay</title>',
            f"<style>{STYLE}</style><h1>Replay</h1>",
            f"<p>{found.requests:,} requests, {found.told:,} of which can be told; {found.changed:,} would change.</p>",
            *(_bar(found, side, name) for side, name in zip(("before", "after"), names, strict=True)),
            _table(("", *names, "difference"), rows(found)),
            "<h2>What would go elsewhere</h2>" if flips else "",
            _table(
                ("from", "to", "requests", "USD"),
                [(was, now, f"{flip.requests:,}", f"{flip.usd:+.6f}") for (was, now), flip in flips],
            ),
            "<h2>What cannot be told</h2>" if found.unknown else "",
            _table(("for want of", "requests"), [(why, f"{count:,}") for why, count in found.unknown.most_common()]),
            *(f'<p class="note">{escape(note)}</p>' for note in NOTES),
            "</html>\n",
        )
    )


def _bar(found: Summary, side: str, name: str) -> str:
    mix = getattr(found, side).mix
    parts = "".join(
        f'<span style="width:{100 * mix[target] / max(found.told, 1):.2f}%;background:{COLOURS[at % len(COLOURS)]}"'
        f' title="{escape(target)}: {mix[target]:,}"></span>'
        for at, target in enumerate(targets(found))
    )
    return f'<div>{escape(name)}</div><div class="bar">{parts}</div>'


def _table(head: tuple[str, ...], body: Sequence[tuple[str, ...]]) -> str:
    if not body:
        return ""
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rest = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return f"<table><tr>{first}</tr>{rest}</table>"
