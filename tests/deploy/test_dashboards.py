"""The dashboards: every panel's query, asked of a real Prometheus that scraped a real router under mixed load."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.grafana.__main__ import BOARDS, documents
from deploy.grafana.board import document
from deploy.grafana.panel import WITH_EXEMPLARS, Board, Panel, Query
from deploy.grafana.picture import Series, draw, legend_of
from router.watching.scrape import Scrape, scrape
from tests.deploy import load
from tests.deploy.places import program
from tests.deploy.prometheus_server import STEP_S, PrometheusServer
from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import LargeServer
from tests.fakes.patience import PATIENCE_S
from tests.fakes.shunt import ShuntServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("dashboards")]
VARIABLES = {"$__rate_interval": "10s", "$__range": "1m", "$instance": ".*"}
PANELS = [pytest.param(panel, id=f"{board.name}: {panel.title}") for board in BOARDS for panel in board.panels()]


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is to look at: Prometheus, when the load was, the ids of its answers, and the two routers."""

    prometheus: PrometheusServer
    start: float
    ids: frozenset[str]
    replicas: tuple[ShuntServer, ShuntServer]
    key: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Observed]:
    """Two routers of one policy file, a tiny local model and a scripted large server, scraped while they were busy."""
    program("prometheus")
    folder = tmp_path_factory.mktemp("observed")
    small = write_tiny_gguf(folder / "tiny.gguf", context=512)
    async with LargeServer() as large:
        policy = load.POLICY.format(small=small, large=large.base_url)
        keys = load.make_keys(folder / "state")
        async with (
            ShuntServer(folder, policy) as first,
            ShuntServer(folder, policy) as second,
            PrometheusServer(folder, [f"127.0.0.1:{one.port}" for one in (first, second)], keys[0]) as prometheus,
        ):
            start = time.time()
            ids = await load.play(first.root_url, large, keys)
            ids |= await load.play(second.root_url, large, keys, hard=40)
            await _until(prometheus, "count(shunt_decisions_total) >= 3")  # a rate needs a value to grow from
            for _ in range(int(os.environ.get("SHUNT_PICTURE_ROUNDS", "1"))):
                ids |= await load.play(first.root_url, large, keys)
                ids |= await load.play(second.root_url, large, keys, hard=40)
            await _until(prometheus, "shunt_classifier_drift and on () (shunt:escalations:ratio_rate5m > 0)")
            yield Observed(prometheus, start, frozenset(ids), (first, second), keys[0])


async def _until(prometheus: PrometheusServer, expression: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await prometheus.now(expression):
            await asyncio.sleep(STEP_S)


async def _answer(query: Query, observed: Observed) -> list[Series]:
    found, expression = [], query.expression
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    for series in await observed.prometheus.over(expression, observed.start, time.time()):
        points = [(at - observed.start, float(value)) for at, value in series["values"] if value != "NaN"]
        if points:
            found.append(Series(legend_of(query.legend, series["metric"]), *zip(*points, strict=True)))
    return found


@pytest.mark.parametrize("panel", PANELS)
async def test_a_panel_shows_data(panel: Panel, observed: Observed):
    """Each of the panel's queries is valid, and its answer is not empty once the rules behind it have been evaluated."""
    for query in panel.queries:
        async with asyncio.timeout(PATIENCE_S):
            while not await _answer(query, observed):
                await asyncio.sleep(STEP_S)


@pytest.mark.parametrize("histogram", WITH_EXEMPLARS)
async def test_a_point_on_a_panel_leads_to_its_request(histogram: str, observed: Observed):
    """Prometheus keeps exemplars of durations and first tokens, and each has the id that a client was answered with."""
    found = await observed.prometheus.exemplars(f"{histogram}_bucket", observed.start, time.time())
    named = {exemplar["labels"]["request_id"] for exemplar in found}
    assert named
    assert named <= observed.ids


def told(observed: Observed) -> list[Scrape]:
    """What each router tells of itself now."""
    return [scrape(f"{one.root_url}/metrics", 0.0, observed.key) for one in observed.replicas]


async def test_two_routers_add_up(observed: Observed):
    """What Prometheus sums over two processes is what they tell one by one, and what their shared ledger holds."""
    replicas = told(observed)
    for name in ("shunt_cost_usd_total", "shunt_baseline_cost_usd_total", "shunt_decisions_total"):
        sums = [one.sum(name) for one in replicas]
        assert min(sums) > 0
        await _until(observed.prometheus, f"abs(sum({name}) - {sum(sums)!r}) < 1e-9")
    exported = await observed.replicas[0].command("ledger", "export")
    records = [json.loads(line) for line in exported.splitlines()]
    assert len(records) == sum(one.sum("shunt_decisions_total") for one in replicas)
    costs = sum(record["cost_usd"] for record in records)
    assert costs == pytest.approx(sum(one.sum("shunt_cost_usd_total") for one in replicas))


@pytest.mark.parametrize(
    ("record", "alone"),
    [
        ("shunt:cost_usd:increase1h", "sum by (instance) (increase(shunt_cost_usd_total[1h]))"),
        ("sum(tier:shunt_answers:rate5m)", 'sum by (instance) (rate(shunt_requests_total{target!="other"}[5m]))'),
    ],
)
async def test_a_recorded_sum_is_that_of_its_instances(record: str, alone: str, observed: Observed):
    """Each of two processes has its part in a recorded series, and the parts are all there is to it."""
    spent = sum(one.sum("shunt_cost_usd_total") for one in told(observed))
    await _until(observed.prometheus, f"abs(sum(shunt_cost_usd_total) - {spent!r}) < 1e-9")
    async with asyncio.timeout(PATIENCE_S):
        # A scrape under way when the rule was evaluated moves it a little; a process left out would, by its whole part.
        while not await _adds_up(record, alone, observed.prometheus):
            await asyncio.sleep(STEP_S)


async def _adds_up(record: str, alone: str, prometheus: PrometheusServer) -> bool:
    """Whether the record's last value is the sum of two parts at that time, to half of the smaller one."""
    at = float((await prometheus.now("max(timestamp(shunt:cost_usd:increase1h))"))[0]["value"][1])
    parts = [float(one["value"][1]) for one in await prometheus.now(alone, at)]
    (whole,) = await prometheus.now(record, at)
    return len(parts) == 2 and abs(float(whole["value"][1]) - sum(parts)) < min(parts) / 2


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


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
async def test_a_dashboard_is_whole(board: Board):
    """Every panel has its question, its unit, its source and a place of its own; the board has its links and variables."""
    content = json.loads(document(board))
    assert {"datasource", "instance"} == {one["name"] for one in content["templating"]["list"]}
    assert [["shunt"]] == [one["tags"] for one in content["links"]]
    drawn = [panel for panel in content["panels"] if panel["type"] != "row"]
    assert len(drawn) == len(list(board.panels()))
    for panel in drawn:
        assert (panel["description"] or "").endswith(("?", ".")), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert panel["targets"], panel["title"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in drawn]
    assert len(set(places)) == len(places)
    named = [target for panel in drawn for target in panel["targets"] if target.get("exemplar")]
    assert len(named) == sum(
        query.has_exemplars and panel.kind == "lines" for panel in board.panels() for query in panel.queries
    )


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
async def test_what_is_generated_is_current(path):
    """JSON and page are what `python -m deploy.grafana` writes."""
    assert documents()[path] == path.read_text(encoding="utf-8")
