"""Requests that are answered once more, with a real server: what is sent, what is spent, what is written, what is not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from router.shadow.label import FOLDER
from tests.e2e.samples import metric
from tests.fakes import faults
from tests.fakes.large import Behaviour, LargeServer, answer_tokens
from tests.fakes.patience import PATIENCE_S
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: openai, base_url: "{small}", model: s, zone: local,
          price: {{input_usd_per_million: 1, output_usd_per_million: 1}}}}
  large: {{backend: openai, base_url: "{large}", model: l, retries: 0,
          price: {{input_usd_per_million: 100, output_usd_per_million: 1000}}}}
  judge: {{backend: openai, base_url: "{judge}", model: j, can: [chat, json],
          price: {{input_usd_per_million: 1, output_usd_per_million: 1}}}}
  unpriced: {{backend: openai, base_url: "{large}", model: a-model-that-no-map-lists}}
tiers: [small, large]
guards: [{{id: privacy, when: {{any: [{{header: {{x-data-class: restricted}}}}, {{pii: [email]}}]}}, allow_zone: [local]}}]
policies:
  auto:
    select: [{{id: all, target: small}}]
    shadow: {{target: [large, small], sample: 1, max_usd_per_day: 10, keep: prompts}}
  up: {{select: [{{id: top, target: large}}], shadow: {{target: [large, small], sample: 1, max_usd_per_day: 10}}}}
  judged:
    select: [{{id: all, target: small}}]
    shadow: {{target: large, sample: 1, max_usd_per_day: 10, compare: judge, judge: judge}}
  poor: {{select: [{{id: all, target: small}}], shadow: {{target: large, sample: 1, max_usd_per_day: 0.0001}}}}
  dark: {{select: [{{id: all, target: small}}], shadow: {{target: unpriced, sample: 1, max_usd_per_day: 9}}}}
"""
Labels = Callable[[str], list[dict]]


class Trio:
    """Three scripted servers."""

    def __init__(self) -> None:
        self.small, self.large, self.judge = LargeServer(), LargeServer(), LargeServer()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trio() -> AsyncIterator[Trio]:
    servers = Trio()
    async with servers.small, servers.large, servers.judge:
        yield servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(trio: Trio, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShuntServer]:
    folder: Path = tmp_path_factory.mktemp("shadow")
    urls = {name: getattr(trio, name).base_url for name in ("small", "large", "judge")}
    async with ShuntServer(folder, POLICY.format(**urls)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shunt: ShuntServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shunt.root_url) as session:
        yield session


async def ask(http: aiohttp.ClientSession, model: str, text: str, headers: dict[str, str] | None = None, **more) -> str:
    """The request's id; its answer must be the scripted one."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
    async with http.post("/v1/chat/completions", json=body, headers=headers) as answer:
        assert 200 == answer.status
        await answer.read()
        return answer.headers["x-request-id"]


async def results(http: aiohttp.ClientSession, result: str, least: float) -> str:
    """The metrics, once a copy has come to this end so many times."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with http.get("/metrics") as answer:
                text = await answer.text()
            if metric(text, "shunt_shadow_total", result=result) >= least:
                return text


async def counted(http: aiohttp.ClientSession, result: str) -> float:
    async with http.get("/metrics") as answer:
        return metric(await answer.text(), "shunt_shadow_total", result=result)


def saying(text: str) -> Behaviour:
    """A whole answer of these words."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}
    return faults.whole(json.dumps(body).encode())


def label_of(shunt: ShuntServer, request_id: str) -> dict | None:
    """The label of one request."""
    lines = [
        line for path in (shunt.folder / "state" / FOLDER).glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    return next((label for label in map(json.loads, lines) if label["request_id"] == request_id), None)


@pytest.mark.parametrize("stream", [False, True])
async def test_two_answers_are_compared_after_the_client_has_one(
    http: aiohttp.ClientSession, shunt: ShuntServer, trio: Trio, stream: bool
):
    """The second model is asked only now; the label has scores, costs and, as the policy says, the words."""
    release = asyncio.Event()
    trio.large.script.append(faults.hold_whole(release))
    before = await counted(http, "compared")
    asked = trio.large.counts.requests
    name = await ask(http, "auto", "What is 2+2?", stream=stream, temperature=0.5, n=1, logprobs=False)
    await trio.large.request_arrived(asked + 1)  # the client had its answer while this one is held back
    release.set()
    await results(http, "compared", before + 1)
    label = label_of(shunt, name)
    assert ("small", "large", "What is 2+2?", "exact") == (
        label["served"], label["shadow"], label["prompt"], label["compare"],
    )  # fmt: skip
    assert 1.0 == label["shadow_score"]
    assert label["usd"] == label["shadow_usd"] > label["served_usd"]
    sent = trio.large.received[-1].json
    assert (0.5, False, "n" in sent) == (sent["temperature"], bool(sent.get("stream")), False)


async def test_the_other_model_answers_once_more(http: aiohttp.ClientSession, shunt: ShuntServer):
    """With several targets it is the first that did not answer, so that either side is compared; no words are kept."""
    before = await counted(http, "compared")
    name = await ask(http, "up", "What is 3+3?")
    await results(http, "compared", before + 1)
    label = label_of(shunt, name)
    assert ("large", "small", 1.0, 1.0) == (
        label["served"], label["shadow"], label["served_score"], label["shadow_score"],
    )  # fmt: skip
    assert "prompt" not in label


async def test_what_is_spent_is_in_the_ledger_and_lessens_the_saving(http: aiohttp.ClientSession, shunt: ShuntServer):
    """A record of its own, no request of anybody's, and its cost is in the sum and off the saving."""
    before = await counted(http, "compared")
    await ask(http, "auto", "What is 4+4?")
    text = await results(http, "compared", before + 1)
    report = json.loads(await shunt.command("usage", "--json", "--by", "route"))
    rows = {row["route"]: row for row in report["rows"]}
    assert 0 == rows["shadow"]["requests"] < rows["chat"]["requests"]
    assert -rows["shadow"]["cost_usd"] == pytest.approx(rows["shadow"]["saved_usd"])
    assert rows["chat"]["saved_usd"] + rows["shadow"]["saved_usd"] == pytest.approx(report["total"]["saved_usd"])
    assert rows["chat"]["requests"] == report["total"]["requests"]
    assert metric(text, "shunt_cost_usd_total", kind="shadow") > 0


async def test_guarded_data_goes_nowhere(http: aiohttp.ClientSession, shunt: ShuntServer, trio: Trio):
    """A guard that keeps a request here keeps its copy here, and so does the request's own wish."""
    asked = trio.large.counts.requests, await counted(http, "guarded")
    for headers, text in (
        ({"x-data-class": "restricted"}, "hello"),
        ({"x-shunt-zone": "local"}, "hello"),
        ({}, "I am jane@example.org"),
    ):
        assert label_of(shunt, await ask(http, "auto", text, headers)) is None
    await results(http, "guarded", asked[1] + 3)
    assert asked[0] == trio.large.counts.requests


async def test_a_judge_scores_both_without_knowing_whose(http: aiohttp.ClientSession, shunt: ShuntServer, trio: Trio):
    """Two scores, from JSON that the judge was asked for; what is no such thing labels nothing, and is paid for."""
    trio.judge.script += [saying(json.dumps({"a": 4, "b": 10}))]
    before = await counted(http, "compared"), await counted(http, "unjudged")
    name = await ask(http, "judged", "What is 5+5?")
    await results(http, "compared", before[0] + 1)
    label = label_of(shunt, name)
    assert {0.4, 1.0} == {label["served_score"], label["shadow_score"]}
    assert label["usd"] == pytest.approx(label["shadow_usd"] + 110 / 1e6)
    sent = json.loads(trio.judge.received[-1].json["messages"][-1]["content"])
    assert {"request": "What is 5+5?", "a": "".join(answer_tokens(12)), "b": "".join(answer_tokens(12))} == sent
    name = await ask(http, "judged", "What is 6+6?")
    await results(http, "unjudged", before[1] + 1)
    assert "served_score" not in label_of(shunt, name)


async def test_a_copy_that_fails_is_nobodys_failure(http: aiohttp.ClientSession, shunt: ShuntServer, trio: Trio):
    """It is counted, it labels nothing, and the breaker of its model knows nothing of it."""
    trio.large.script.append(faults.status(500))
    before = await counted(http, "failed")
    name = await ask(http, "auto", "What is 7+7?")
    text = await results(http, "failed", before + 1)
    assert None is label_of(shunt, name)
    assert 0 == metric(text, "shunt_breaker_open", target="large")


async def test_money_is_bounded_before_it_is_spent(http: aiohttp.ClientSession, trio: Trio):
    """What could cost more than is left is not sent; nor is what nobody knows the price of."""
    asked = trio.large.counts.requests
    before = await counted(http, "over_budget"), await counted(http, "unpriced")
    await ask(http, "poor", "What is 8+8?")
    await ask(http, "dark", "What is 9+9?")
    await results(http, "over_budget", before[0] + 1)
    await results(http, "unpriced", before[1] + 1)
    assert asked == trio.large.counts.requests


async def test_a_stop_drops_what_is_under_way(trio: Trio, tmp_path: Path):
    """The process ends at once, the copy's model sees it leave, and the ledger has a record of it."""
    policy = POLICY.format(small=trio.small.base_url, large=trio.large.base_url, judge=trio.judge.base_url)
    async with ShuntServer(tmp_path, policy) as server, aiohttp.ClientSession(server.root_url) as session:
        release = asyncio.Event()
        trio.large.script.append(faults.hold_whole(release))
        asked, gone = trio.large.counts.requests, trio.large.counts.disconnects
        await ask(session, "auto", "What is 10+10?")
        await trio.large.request_arrived(asked + 1)
        await server.stop()
        release.set()
        await trio.large.client_disconnected(gone + 1)
    report = json.loads(await server.command("usage", "--json", "--by", "route", "--by", "outcome"))
    rows = {(row["route"], row["outcome"]): row for row in report["rows"]}
    assert {("chat", "ok"), ("shadow", "interrupted")} == set(rows)
    _, crash, told = server.log().partition("Traceback")
    assert not crash, told


async def test_likeness_is_that_of_the_meaning(trio: Trio, tmp_path: Path, shared: Path):
    """With a real embedding model, two ways to say it are more alike than two things to say."""
    model = shared / "models" / "all-MiniLM-L6-v2-q8_0.gguf"
    policy = f"""
version: 1
models:
  small: {{backend: openai, base_url: "{trio.small.base_url}", model: s, price: {{input_usd_per_million: 0, output_usd_per_million: 0}}}}
  large: {{backend: openai, base_url: "{trio.large.base_url}", model: l, price: {{input_usd_per_million: 0, output_usd_per_million: 0}}}}
  vectors: {{backend: llama.cpp, source: "{model}", context: 512, can: [embeddings]}}
tiers: [small, large]
policies:
  auto: {{select: [{{id: all, target: small}}], shadow: {{target: large, sample: 1, max_usd_per_day: 0, compare: similarity}}, on_failure: [large]}}
"""
    scores = []
    async with ShuntServer(tmp_path, policy) as server, aiohttp.ClientSession(server.root_url) as session:
        for second in ("A kitten rests on a rug.", "Stock prices fell sharply."):
            trio.small.script.append(saying("A cat sits on the mat."))
            trio.large.script.append(saying(second))
            name = await ask(session, "auto", "What do you see?")
            await results(session, "compared", len(scores) + 1)
            label = label_of(server, name)
            assert 1.0 == label["shadow_score"]
            scores.append(label["served_score"])
    alike, other = scores
    assert 0.5 < alike < 1
    assert 0 <= other < 0.3
