"""Limits that replicas share, in a real Redis: together they let through what one would, and alone their share."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from router.caller import Caller
from router.errors import QuotaExceeded, RateLimited
from router.limit import Limit
from router.limits import commons
from router.limits import redis as common
from router.limits.quotas import Quotas, Spent
from router.limits.shared import SharedTicket
from router.limits.till import PER_USD
from tests.fakes.large import DEFAULT_TOKENS, LargeServer
from tests.fakes.patience import PATIENCE_S
from tests.fakes.redis import RedisServer, needs_redis, redis_server
from tests.fakes.served import served, until

pytestmark = needs_redis

TEAM = Caller(key="app", tags=frozenset({"team-a"}))
# A busy machine is no outage; one that is meant refuses the connection at once.


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as server:
        yield server


@asynccontextmanager
async def replicas(server: RedisServer, limit: Limit, *ledgers: str) -> AsyncIterator[list[Quotas]]:
    found = [Quotas([limit], replicas=len(ledgers)) for _ in ledgers]
    for quotas, ledger in zip(found, ledgers, strict=True):
        quotas.carry([])
        await quotas.join(common.Desk(server.address, PATIENCE_S), ledger)
    yield found
    for quotas in found:
        await quotas.close()


async def begin(quotas: Quotas, usd: float = 0.0, tokens: int = 0) -> SharedTicket | str:
    """A request that goes on, or the code of the error that it met."""
    ticket = quotas.ticket(TEAM)
    try:
        await ticket.let_in()
        await ticket.reserve(usd, tokens)
    except (RateLimited, QuotaExceeded) as error:
        ticket.close()
        return error.code
    return ticket


def end(ticket: SharedTicket, usd: float | None = None, tokens: int = 0) -> None:
    if usd is not None:
        ticket.settle(usd, tokens)
    ticket.close()


def spent(quotas: Quotas) -> int:
    """What this replica has spent itself."""
    account = quotas.ticket(TEAM).tills[0].day(0.0)
    return account.spent - account.carried


async def test_a_thousand_at_once_at_two_replicas_spend_what_a_hundred_may(redis: RedisServer):
    """A budget is one budget, however many ask for it at once and wherever."""
    async with replicas(redis, Limit("all", usd_per_day=100.0), "a", "b") as both:
        answers = await asyncio.gather(*(begin(both[n % 2], 1.0) for n in range(1000)))
        granted = [one for one in answers if not isinstance(one, str)]
        assert Counter(one for one in answers if isinstance(one, str)) == {"insufficient_quota": 900}
        for ticket in granted[:60]:
            end(ticket, 0.5)
        for ticket in granted[60:]:
            end(ticket)
        # 30 were spent and 70 are free again, once the other replica has told so.
        more: list[SharedTicket | str] = []
        while len(more) < 70:
            one = await begin(both[len(more) % 2], 1.0)
            more += [] if isinstance(one, str) else [one]
        assert [await begin(quotas, 0.01) for quotas in both] == ["insufficient_quota"] * 2
        for ticket in more:
            end(ticket, 1.0)
    assert sum(spent(quotas) for quotas in both) == 100 * PER_USD


async def test_minutes_and_places_are_shared(redis: RedisServer):
    """Requests in a minute, at one time and tokens count wherever they come; a refusal says when to come again."""
    limit = Limit("all", requests_per_minute=5, concurrent=3, tokens_per_minute=1000)
    async with replicas(redis, limit, "a", "b") as (one, other):
        begun = [await begin(quotas, tokens=300) for quotas in (one, other, one)]
        assert await begin(other) == "rate_limit_exceeded"
        end(begun[0], 0.0, 0)
        await until(lambda: _of(begin(other, tokens=300)))
        for ticket in begun[1:]:
            end(ticket, 0.0, 300)
        answers = [await begin(quotas) for quotas in (one, other, one)]
        assert "rate_limit_exceeded" in answers
        ticket = one.ticket(TEAM)
        with pytest.raises(RateLimited) as caught:
            await ticket.let_in()
        assert 0 < (caught.value.retry_after_s or 0) <= 60
        ticket.close()


async def _of(asked) -> bool:
    return not isinstance(await asked, str)


async def test_what_a_killed_replica_held_comes_back(redis: RedisServer, monkeypatch: pytest.MonkeyPatch):
    """Its claims end with their lease: nobody is there to renew them."""
    async with replicas(redis, Limit("all", usd_per_day=10.0, concurrent=1), "a", "b") as (one, other):
        monkeypatch.setattr(commons, "LEASE_MS", 600_000)
        assert not isinstance(await begin(one, 10.0), str)
        assert await begin(other, 10.0) == "rate_limit_exceeded"
        # Its last word is a short lease.
        monkeypatch.setattr(commons, "LEASE_MS", 1)
        await one.commons._renew([*one.commons._live])
        one.commons._closing.set()
        await until(lambda: _of(begin(other, 10.0)))


async def test_what_goes_on_is_renewed(redis: RedisServer, monkeypatch: pytest.MonkeyPatch):
    """A long answer keeps its place and money: its lease moves on while it lasts."""
    monkeypatch.setattr(commons, "RENEW_S", 0.01)
    monkeypatch.setattr(commons, "PULSE_S", 0.01)
    async with replicas(redis, Limit("all", concurrent=1), "a") as (one,):
        ticket = await begin(one)
        client, key = one.commons._desk._client, common.PREFIX + "leases"
        first = (await client.zrange(key, 0, -1, withscores=True))[0]

        async def has_moved() -> bool:
            return (await client.zrange(key, 0, -1, withscores=True))[0][1] > first[1]

        await until(has_moved)
        end(ticket)


async def test_away_each_goes_by_its_share_and_back_nothing_is_forgotten(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Killed under load, and back without a memory: what is left is shared out, said once, and put together again."""
    monkeypatch.setattr(commons, "PULSE_S", 0.02)
    caplog.set_level(logging.WARNING, "shunt.limits")
    async with replicas(redis, Limit("all", usd_per_day=100.0), "a", "b") as both:
        for quotas, count in zip(both, (30, 10), strict=True):
            for _ in range(count):
                end(await begin(quotas, 1.0), 1.0)
        await until(lambda: all(quotas.ticket(TEAM).used_pct() == 40 for quotas in both))
        under_way = await begin(both[0], 1.0)
        await redis.kill()
        alone = [await asyncio.gather(*(begin(quotas, 1.0) for _ in range(60))) for quotas in both]
        assert [quotas.shared() for quotas in both] == [(False, both[0].shared()[1]), (False, both[1].shared()[1])]
        granted = [one for answers in alone for one in answers if not isinstance(one, str)]
        # Each has half of what it knows to be left: one knows of the request under way, the other may not.
        assert len(granted) in {59, 60}
        await redis.start()
        await until(lambda: all(quotas.shared()[0] for quotas in both))
        assert [await begin(quotas, 1.01) for quotas in both] == ["insufficient_quota"] * 2
        for ticket in (under_way, *granted):
            end(ticket, 1.0)
        last = [await begin(both[0], 0.5) for _ in range(3)]
        assert sum(not isinstance(one, str) for one in last) in {0, 1, 2}
        for ticket in last:
            if not isinstance(ticket, str):
                end(ticket, 0.5)
    assert sum(spent(quotas) for quotas in both) <= 101 * PER_USD
    assert sum("goes by its own share" in line for line in caplog.messages) == 2
    assert sum("again" in line for line in caplog.messages) == 2


@pytest.mark.parametrize(("ledgers", "expected"), [(("database", "database"), 30.0), (("x", "y"), 50.0)])
async def test_what_was_spent_before_is_brought_once(redis: RedisServer, ledgers: tuple[str, str], expected: float):
    """Replicas with one database bring its sum once; those with ledgers of their own each bring theirs."""
    quotas = [Quotas([Limit("all", usd_per_day=100.0)], replicas=2) for _ in ledgers]
    for one, ledger, usd in zip(quotas, ledgers, (30.0, 20.0), strict=True):
        one.carry([Spent(None, (), usd, usd)])
        await one.join(common.Desk(redis.address, PATIENCE_S), ledger)
    end(await begin(quotas[0], 1.0), 0.0)
    assert quotas[0].ticket(TEAM).used_pct() == expected
    for one in quotas:
        await one.close()


async def test_without_a_redis_each_enforces_its_share():
    """A third of everything, and one place at least."""
    quotas = Quotas([Limit("all", usd_per_day=9.0, concurrent=2, requests_per_minute=30)], replicas=3)
    ticket = quotas.ticket(TEAM)
    ticket.enter()
    assert ticket.headers()["x-ratelimit-limit-requests"] == "10"
    with pytest.raises(RateLimited):
        quotas.ticket(TEAM).enter()
    ticket.hold(3.0, 0)
    with pytest.raises(QuotaExceeded):
        quotas.ticket(TEAM).hold(0.01, 0)


POLICY = """
version: 1
models:
  large: {{backend: openai, base_url: "{large}", model: b, price: {{input_usd_per_million: 0, output_usd_per_million: 10}}}}
tiers: [large]
policies: {{auto: {{select: [{{id: all, target: large}}]}}}}
budgets: [{{id: all, usd_per_day: {usd:.9f}}}]
replicas: {{count: 2, redis: env:LIMITS_REDIS}}
state_dir: {folder}
"""


async def ask(http: aiohttp.ClientSession, url: str) -> int:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": DEFAULT_TOKENS}
    async with http.post(f"{url}/v1/chat/completions", json=body) as answer:
        await answer.read()
        return answer.status


async def told(http: aiohttp.ClientSession, url: str) -> Mapping[str, str]:
    async with http.get(f"{url}/readyz") as ready, http.get(f"{url}/metrics") as metrics:
        limits, series = (await ready.json())["limits"], await metrics.text()
    return {"readyz": limits, "shared": next(line for line in series.splitlines() if line.startswith("shunt_limits_s"))}


async def test_two_servers_spend_one_budget(redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two servers, two ledgers, one budget for twenty: twenty are answered; without the Redis they go on and say so."""
    monkeypatch.setattr(common, "PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr(commons, "PULSE_S", 0.05)
    environ = {"LIMITS_REDIS": redis.address}
    async with LargeServer() as large, aiohttp.ClientSession() as http:
        paths = [tmp_path / f"{name}.yaml" for name in ("one", "other")]
        for path in paths:
            usd = 20 * DEFAULT_TOKENS * 10e-6
            path.write_text(POLICY.format(large=large.base_url, usd=usd, folder=tmp_path / path.stem))
        async with served(paths[0], environ) as (one, _), served(paths[1], environ) as (other, _):
            statuses = await asyncio.gather(*(ask(http, (one, other)[n % 2]) for n in range(100)))
            assert Counter(statuses) == {200: 20, 429: 80}
            assert await told(http, one) == {"readyz": "shared", "shared": "shunt_limits_shared 1.0"}
            await redis.kill()
            assert await ask(http, one) == 429
            assert await told(http, one) == {"readyz": "one of 2 shares", "shared": "shunt_limits_shared 0.0"}
            await redis.start()
    assert large.counts.requests == 20
