"""What a client is told when a lower tier answers for want of the one that was due."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.fakes import faults
from tests.fakes.large import LargeServer
from tests.fakes.shunt import ShuntServer

POLICY = """
version: 1
models:
  small: {{backend: openai, base_url: "{small}", model: s, zone: local}}
  large: {{backend: openai, base_url: "{large}", model: l, retries: 0, breaker: {{failures: 2, open_s: 600}}}}
tiers: [small, large]
guards: [{{id: privacy, when: {{header: {{x-data-class: restricted}}}}, allow_zone: [local]}}]
policies:
  auto: {{select: [{{id: all, target: large}}], on_failure: [small]}}
"""
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello there"}]}


@pytest.fixture
async def pair() -> AsyncIterator[tuple[LargeServer, LargeServer]]:
    async with LargeServer() as small, LargeServer() as large:
        yield small, large


async def test_a_lower_tier_that_stands_in_says_so(pair: tuple[LargeServer, LargeServer], tmp_path: Path):
    """After a failure, streamed or not, and once the breaker is open; not when all is well, nor for a guard."""
    small, large = pair
    large.script += [faults.status(500), faults.error_first({"message": "x"})]
    policy = POLICY.format(small=small.base_url, large=large.base_url)
    async with ShuntServer(tmp_path, policy) as shunt, aiohttp.ClientSession(shunt.root_url) as http:

        async def told(**body: object) -> tuple[int, str | None, str]:
            async with http.post("/v1/chat/completions", json=HELLO | body) as answer:
                await answer.read()
                return answer.status, answer.headers.get("x-shunt-degraded"), answer.headers["x-shunt-reason"]

        assert (200, "large", "large_failed") == await told()
        assert (200, "large", "large_failed") == await told(stream=True)
        assert 2 == large.counts.requests
        assert (200, "large", "large_unavailable") == await told()
        assert 2 == large.counts.requests
        restricted = {"x-data-class": "restricted"}
        async with http.post("/v1/chat/completions", json=HELLO, headers=restricted) as answer:
            assert ("small", None) == (answer.headers["x-shunt-model"], answer.headers.get("x-shunt-degraded"))
        async with http.get("/metrics") as answer:
            text = await answer.text()
        assert 'shunt_breaker_open{target="large"} 1.0' in text
        assert 'shunt_fallbacks_total{from="large",reason="unavailable",to="small"} 2.0' in text


async def test_the_tier_that_was_due_says_nothing(pair: tuple[LargeServer, LargeServer], tmp_path: Path):
    """No header while the policy is carried out as it stands."""
    small, large = pair
    policy = POLICY.format(small=small.base_url, large=large.base_url)
    async with (
        ShuntServer(tmp_path, policy) as shunt,
        aiohttp.ClientSession(shunt.root_url) as http,
        http.post("/v1/chat/completions", json=HELLO) as answer,
    ):
        assert ("large", None) == (answer.headers["x-shunt-model"], answer.headers.get("x-shunt-degraded"))
