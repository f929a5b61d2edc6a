"""Budgets at work: a served application, many callers at once, and the ledger afterwards."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from router.config import Config
from router.keys.book import Book, Wish
from router.limit import Limit
from router.limits.till import PER_USD, units
from tests.fakes import faults
from tests.fakes.large import DEFAULT_TOKENS, LargeServer
from tests.fakes.served import served, until
from tests.ledger.books import drained, stored

POLICY = """
version: 1
models:
  cheap: {{backend: openai, base_url: "{large}", model: c, price: {{input_usd_per_million: 0, output_usd_per_million: 1}}}}
  large: {{backend: openai, base_url: "{large}", model: b, price: {{input_usd_per_million: 0, output_usd_per_million: 10}}}}
  odd: {{backend: openai, base_url: "{large}", model: nobody-sells-this}}
tiers: [cheap, large]
policies:
  auto: {{select: [{{id: all, target: large}}], on_failure: [cheap]}}
  onsite: {{select: [{{id: all, target: cheap}}]}}
  thrifty:
    select: [{{id: saver, when: {{budget_used_pct: {{gte: 50}}}}, target: cheap}}, {{id: all, target: large}}]
budgets: {budgets}
server: {{max_inflight: 3000}}
state_dir: {folder}/state
"""
BODY = {"model": "auto", "messages": [{"role": "user", "content": "Hello there"}], "max_tokens": DEFAULT_TOKENS}
COST = DEFAULT_TOKENS * 10e-6


@pytest.fixture
async def large() -> AsyncIterator[LargeServer]:
    async with LargeServer() as server:
        yield server


def written(folder: Path, large: LargeServer, budgets: str) -> Path:
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(large=large.base_url, budgets=budgets, folder=folder))
    return path


def a_key(folder: Path, name: str = "app", **wish: object) -> dict[str, str]:
    config = Config(None, {"cheap": None}, (), {"onsite": None}, "auto", state_dir=folder / "state")
    return {"authorization": f"Bearer {Book(config).create(Wish(name, **wish), 0.0)}"}


async def ask(http: aiohttp.ClientSession, url: str, **more: object) -> tuple[int, dict, Mapping[str, str]]:
    headers = more.pop("headers", {})
    async with http.post(f"{url}/v1/chat/completions", json=BODY | more, headers=headers) as answer:
        text = await answer.text()
        is_json = answer.content_type == "application/json"
        return answer.status, json.loads(text) if is_json else {}, answer.headers


async def test_a_thousand_at_once_spend_what_a_hundred_may(large: LargeServer, tmp_path: Path):
    """A budget for a hundred is spent to the last cent by a thousand concurrent requests, and not exceeded."""
    path = written(tmp_path, large, f"[{{id: all, usd_per_day: {100 * COST:.9f}}}]")
    async with (
        served(path) as (url, generations),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        answers = await asyncio.gather(*(ask(http, url, stream=bool(n % 2)) for n in range(1000)))
        used = generations.current.quotas.used_ratio()
    assert Counter(status for status, _, _ in answers) == {200: 100, 429: 900}
    assert {body["error"]["code"] for status, body, _ in answers if status == 429} == {"insufficient_quota"}
    assert all("retry-after" in headers for status, _, headers in answers if status == 429)
    assert large.counts.requests == 100
    drained(tmp_path / "state")
    rows = stored(tmp_path / "state")
    assert (
        sum(units(row["cost_usd"]) for row in rows)
        == units(100 * COST)
        == round(large.counts.completion_tokens * 10e-6 * PER_USD)
    )
    assert used == {"all": 1.0}


async def test_every_ending_gives_back_what_it_held(large: LargeServer, tmp_path: Path):
    """Failures, cuts in the middle of a stream and clients that leave hold nothing afterwards."""
    path = written(tmp_path, large, "[{id: all, usd_per_day: 1, concurrent: 4, tokens_per_minute: 100000}]")
    async with served(path) as (url, generations), aiohttp.ClientSession() as http:
        large.script += [
            faults.status(400),
            faults.status(500),
            faults.status(500),
            faults.status(500),
            faults.status(500),
        ]
        assert (await ask(http, url))[0] == 400
        assert (await ask(http, url))[0] in {502, 503}
        large.script += [faults.reset(after=3)]
        await ask(http, url, stream=True)
        large.script += [faults.never_answer()]
        seen = large.counts.requests
        leaving = asyncio.create_task(ask(http, url))
        await large.request_arrived(seen + 1)
        leaving.cancel()
        await large.client_disconnected()
        answers = [await ask(http, url) for _ in range(5)]
        quotas = generations.current.quotas
        accounts = [till.day(0.0) for till in quotas._tills.values()]
        await until(lambda: [meter.live for meter in quotas._meters.values()] == [0])
    assert {status for status, _, _ in answers} == {200}
    assert [account.held for account in accounts] == [0]
    drained(tmp_path / "state")
    assert sum(units(row["cost_usd"]) for row in stored(tmp_path / "state")) == accounts[0].spent


async def test_a_budget_can_send_down_instead_of_away(large: LargeServer, tmp_path: Path):
    """With `downgrade` a request goes where the money still reaches, and the answer says why; then it ends there too."""
    budget = f"[{{id: all, usd_per_day: {1.2 * COST:.9f}, on_exceed: downgrade}}]"
    async with served(written(tmp_path, large, budget)) as (url, _), aiohttp.ClientSession() as http:
        answers = [await ask(http, url) for _ in range(4)]
    assert [body.get("model", body.get("error", {}).get("code")) for _, body, _ in answers] == [
        "large", "cheap", "cheap", "insufficient_quota",
    ]  # fmt: skip
    assert answers[1][2]["x-shunt-reason"] == "guard:budget.all"
    assert answers[3][2]["x-should-retry"] == "false"


async def test_local_only_leaves_nothing_without_a_local_model(large: LargeServer, tmp_path: Path):
    """With `local_only` and no local model the error is that of the budget."""
    budget = "[{id: all, usd_per_day: 0, on_exceed: local_only}]"
    async with served(written(tmp_path, large, budget)) as (url, _), aiohttp.ClientSession() as http:
        status, body, _ = await ask(http, url)
    assert (status, body["error"]["type"]) == (429, "insufficient_quota")
    assert large.counts.requests == 0


async def test_a_price_that_nobody_knows_is_not_held_by_a_budget(large: LargeServer, tmp_path: Path):
    """A model without a price is refused under a budget of money, by name of the reason."""
    async with (
        served(written(tmp_path, large, "[{id: all, usd_per_day: 5}]")) as (url, _),
        aiohttp.ClientSession() as http,
    ):
        status, body, _ = await ask(http, url, model="odd")
    assert (status, "known price" in body["error"]["message"]) == (429, True)


async def test_rules_see_how_much_is_used(large: LargeServer, tmp_path: Path):
    """`budget_used_pct` is that of the caller's tightest budget, what is under way included."""
    budget = f"[{{id: all, usd_per_day: {2 * COST:.9f}}}]"
    async with served(written(tmp_path, large, budget)) as (url, _), aiohttp.ClientSession() as http:
        answers = [await ask(http, url, model="thrifty") for _ in range(2)]
    assert [body["model"] for _, body, _ in answers] == ["large", "cheap"]


async def test_a_restart_remembers_what_was_spent(large: LargeServer, tmp_path: Path):
    """The ledger brings the day's spending into the next process, for the key's own limit too."""
    limit = Limit("app", key="app", usd_per_day=2 * COST)
    key = a_key(tmp_path, tags=("team-a",), limit=limit)
    path = written(tmp_path, large, "[]")
    codes = []
    for _ in range(3):
        async with served(path) as (url, _), aiohttp.ClientSession(headers=key) as http:
            codes.append((await ask(http, url))[0])
    assert codes == [200, 200, 429]
    row = stored(tmp_path / "state")[0]
    assert (row["key"], row["tags"]) == ("app", "team-a")
    assert row["price_map"].startswith("litellm ")


async def test_a_key_has_what_it_was_given(large: LargeServer, tmp_path: Path):
    """What a key may not ask for is refused and not listed; what it may not have does not answer by a detour."""
    key = a_key(tmp_path, models=("cheap",), policies=("onsite",))
    async with served(written(tmp_path, large, "[]")) as (url, _), aiohttp.ClientSession(headers=key) as http:
        answers = {model: await ask(http, url, model=model) for model in ("auto", "large", "onsite", "cheap")}
        async with http.get(f"{url}/v1/models") as listed:
            names = [entry["id"] for entry in (await listed.json())["data"]]
        shown = {}
        for model in ("large", "cheap"):
            async with http.get(f"{url}/v1/models/{model}") as one:
                shown[model] = one.status
    assert {model: status for model, (status, _, _) in answers.items()} == {
        "auto": 403, "large": 403, "onsite": 200, "cheap": 200,
    }  # fmt: skip
    assert answers["auto"][1]["error"]["code"] == "model_not_allowed"
    assert names == ["onsite", "cheap"]
    assert shown == {"large": 404, "cheap": 200}


async def test_a_key_bound_to_models_is_bound_in_every_policy(large: LargeServer, tmp_path: Path):
    """A policy chooses among what the key may have."""
    key = a_key(tmp_path, models=("cheap",))
    async with served(written(tmp_path, large, "[]")) as (url, _), aiohttp.ClientSession(headers=key) as http:
        status, body, headers = await ask(http, url)
    assert (status, body["model"], headers["x-shunt-reason"]) == (200, "cheap", "guard:key")


async def test_a_header_can_be_refused_to_a_key(large: LargeServer, tmp_path: Path):
    """A key that may not choose its route is told so."""
    key = a_key(tmp_path, refused=("route",))
    async with served(written(tmp_path, large, "[]")) as (url, _), aiohttp.ClientSession(headers=key) as http:
        status, body, _ = await ask(http, url, headers={"x-shunt-route": "large"})
        assert (await ask(http, url))[0] == 200
    assert (status, body["error"]["type"]) == (403, "permission_error")


async def test_limits_are_told_in_headers(large: LargeServer, tmp_path: Path):
    """Answers and refusals carry what is left, as OpenAI's do."""
    budget = "[{id: all, requests_per_minute: 2, tokens_per_minute: 600}]"
    async with served(written(tmp_path, large, budget)) as (url, _), aiohttp.ClientSession() as http:
        answers = [await ask(http, url) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert [headers["x-ratelimit-remaining-requests"] for _, _, headers in answers] == ["1", "0", "0"]
    assert answers[0][2]["x-ratelimit-limit-tokens"] == "600"
    assert answers[2][1]["error"]["code"] == "rate_limit_exceeded"
    assert int(answers[2][2]["retry-after"]) > 0


async def test_a_caller_sees_its_own_usage(large: LargeServer, tmp_path: Path):
    """`GET /v1/usage` tells a key what it has spent and the bounds that hold, and nothing of others."""
    other = a_key(tmp_path, "other", tags=("team-b",))
    key = a_key(tmp_path, tags=("team-a",), limit=Limit("app", key="app", usd_per_day=4 * COST))
    budgets = "[{id: team, match: {key_tag: team-a}, requests_per_minute: 9}, {id: b, match: {key_tag: team-b}, concurrent: 1}]"
    async with served(written(tmp_path, large, budgets)) as (url, _), aiohttp.ClientSession() as http:
        assert [(await ask(http, url, headers=who))[0] for who in (key, other)] == [200, 200]
        async with http.get(f"{url}/v1/usage", headers=key) as answer:
            usage = await answer.json()
    assert (usage["key"], usage["tags"]) == ("app", ["team-a"])
    assert usage["day"]["spent_usd"] == usage["month"]["spent_usd"] == pytest.approx(COST)
    assert usage["day"]["reserved_usd"] == 0
    assert [(one["id"], one["of"], one["budget_used_pct"]) for one in usage["limits"]] == [
        ("app", "key", 25.0),
        ("team", "tag", None),
    ]
