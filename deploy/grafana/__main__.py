"""`python -m deploy.grafana`: write the dashboards' JSON, `docs/dashboards.md` and `docs/series.md`."""

from pathlib import Path

from deploy.grafana import board, engine, money, overview, page, reliability, routing, series

FOLDER = Path(__file__).parent / "dashboards"
DOCS = Path(__file__).resolve().parents[2] / "docs"
BOARDS = (overview.BOARD, routing.BOARD, engine.BOARD, money.BOARD, reliability.BOARD)


def documents() -> dict[Path, str]:
    """Every file that is generated, with what belongs in it."""
    found = {FOLDER / f"{one.name}.json": board.document(one) for one in BOARDS}
    return {**found, DOCS / "dashboards.md": page.page(BOARDS), DOCS / "series.md": series.page()}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
