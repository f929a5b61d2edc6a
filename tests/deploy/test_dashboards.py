"""The dashboards: every panel's query, asked of a real Prometheus that scraped a real router under mixed load."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.grafana.__main__ import BOARDS, documents
from deploy.grafana.panel import WITH_EXEMPLARS, Board, Panel, Query
from deploy.grafana.picture import Series, draw, legend_of
from tests.deploy import load
from tests.deploy.places import program
from tests.deploy.prometheus_server import STEP_S, PrometheusServer
from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import LargeServer
from tests.fakes.shunt import ShuntServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("dashboards")]
VARIABLES = {"$__rate_interval": "10s", "$__range": "1m", "$instance": ".*"}
PANELS = [pytest.param(panel, id=f"{board.name}: {panel.title}") for board in BOARDS for panel in board.panels()]


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is to look at: the server, when the load was, and the ids of its answers."""

    prometheus: PrometheusServer
    start: float
    end: float
    ids: frozenset[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Observed]:
    """A router with a tiny local model and a scripted large server, scraped while it was busy."""
    program("prometheus")
    folder = tmp_path_factory.mktemp("observed")
    small = write_tiny_gguf(folder / "tiny.gguf", context=512)
    async with LargeServer() as large:
        policy = load.POLICY.format(small=small, large=large.base_url)
        async with (
            ShuntServer(folder, policy) as shunt,
            PrometheusServer(folder, f"127.0.0.1:{shunt.port}") as prometheus,
        ):
            start = time.time()
            ids = await load.play(shunt.root_url, large)
            await _until(prometheus, "count(shunt_decisions_total) >= 3")  # a rate needs a value to grow from
            for _ in range(int(os.environ.get("SHUNT_PICTURE_ROUNDS", "1"))):
                ids |= await load.play(shunt.root_url, large)
            await _until(prometheus, "shunt_classifier_drift and on () (shunt:escalations:ratio_rate5m > 0)")
            yield Observed(prometheus, start, time.time() + STEP_S, frozenset(ids))


async def _until(prometheus: PrometheusServer, expression: str) -> None:
    async with asyncio.timeout(60):
        while not await prometheus.now(expression):
            await asyncio.sleep(STEP_S)


async def _answer(query: Query, observed: Observed) -> list[Series]:
    found, expression = [], query.expression
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    for series in await observed.prometheus.over(expression, observed.start, observed.end):
        points = [(at - observed.start, float(value)) for at, value in series["values"] if value != "NaN"]
        if points:
            found.append(Series(legend_of(query.legend, series["metric"]), *zip(*points, strict=True)))
    return found


@pytest.mark.parametrize("panel", PANELS)
async def test_a_panel_shows_data(panel: Panel, observed: Observed):
    """Each of the panel's queries is valid, and its answer is not empty."""
    assert [] == [query.expression for query in panel.queries if not await _answer(query, observed)]


@pytest.mark.parametrize("histogram", WITH_EXEMPLARS)
async def test_a_point_on_a_panel_leads_to_its_request(histogram: str, observed: Observed):
    """Prometheus keeps exemplars of durations and first tokens, and each has the id that a client was answered with."""
    found = await observed.prometheus.exemplars(f"{histogram}_bucket", observed.start, observed.end)
    named = {exemplar["labels"]["request_id"] for exemplar in found}
    assert named
    assert named <= observed.ids


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
async def test_a_picture_is_drawn(board: Board, observed: Observed, tmp_path: Path):
    """Every dashboard is drawn from those answers; `make pictures` keeps the pictures."""
    path = Path(os.environ.get("SHUNT_PICTURES", tmp_path)) / f"{board.name}.png"
    answers = {
        panel: [series for query in panel.queries for series in await _answer(query, observed)]
        for panel in board.panels()
    }
    draw(board, answers, path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
async def test_what_is_generated_is_current(path):
    """JSON and page are what `python -m deploy.grafana` writes."""
    assert documents()[path] == path.read_text(encoding="utf-8")
