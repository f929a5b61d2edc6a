"""The page that explains each panel by the question it answers."""

from collections.abc import Iterable, Iterator

from deploy.grafana.panel import Board

HEAD = """\
# Dashboards

Five dashboards for Grafana, provisioned from `deploy/grafana/`. Each panel answers a question; the pictures are drawn
from the answers that a real Prometheus gave to the panels' own queries while a router was under mixed load
(`make pictures`). Written by `python -m deploy.grafana` from the same tables as the JSON.
"""


def page(boards: Iterable[Board]) -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *(line for board in boards for line in _board(board))])


def _board(board: Board) -> Iterator[str]:
    yield from (f"## {board.title.removeprefix('Shunt: ').capitalize()}", "", board.question, "")
    yield from (
        f"![{board.title}](images/{board.name}.png)",
        "",
        "| panel | the question it answers |",
        "| --- | --- |",
    )
    for row in board.rows:
        yield from (f"| {panel.title} | {panel.question} |" for panel in row.panels)
    yield ""
