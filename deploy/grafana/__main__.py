"""`python -m deploy.grafana`: write the dashboards' JSON and `docs/dashboards.md`."""

from pathlib import Path

from deploy.grafana import board, engine, money, overview, page, reliability, routing

FOLDER = Path(__file__).parent / "dashboards"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "dashboards.md"
BOARDS = (overview.BOARD, routing.BOARD, engine.BOARD, money.BOARD, reliability.BOARD)


def documents() -> dict[Path, str]:
    """Every file that is generated, with what belongs in it."""
    found = {FOLDER / f"{one.name}.json": board.document(one) for one in BOARDS}
    return {**found, PAGE: page.page(BOARDS)}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
