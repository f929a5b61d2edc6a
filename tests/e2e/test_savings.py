"""What a conversation saved: signed, aware of caches both ways, against a model that is named."""

from pathlib import Path

import aiohttp
import pytest

from router.ledger import reports
from router.ledger.grouping import By
from router.ledger.sparkline import bars, days_of
from tests.e2e.test_feedback import ask
from tests.fakes.large import LargeServer
from tests.fakes.served import served, until
from tests.ledger.books import drained, stored
from tests.ledger.examples import NOON, record
from tests.ledger.test_words import written as journal

POLICY = """
version: 1
models:
  small: {{backend: openai, base_url: "{large}", model: s, zone: local,
          price: {{input_usd_per_million: 1, output_usd_per_million: 1}}}}
  large: {{backend: openai, base_url: "{large}", model: l,
          price: {{input_usd_per_million: 10, output_usd_per_million: 10, cached_usd_per_million: 1}}}}
tiers: [small, large]
guards: [{{id: privacy, when: {{header: {{x-data-class: restricted}}}}, allow_zone: [local]}}]
policies:
  auto:
    select: [{{id: up, when: {{header: {{x-level: hard}}}}, target: large}}, {{id: all, target: small}}]
    shadow: {{target: [large, small], sample: {sample}, max_usd_per_day: 10}}
budgets: [{{id: house, usd_per_day: {usd}}}]
state_dir: {folder}/state
"""
LONG = "word " * 2000
TALK = [
    {"role": "user", "content": LONG},
    {"role": "assistant", "content": "yes"},
    {"role": "user", "content": "go on"},
]


def policy(folder: Path, large: LargeServer, sample: float = 1e-9, usd: float = 5.0) -> Path:
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(large=large.base_url, folder=folder, sample=sample, usd=usd))
    return path


async def test_a_conversation_that_comes_back_pays_for_reading_it_anew(tmp_path: Path):
    """On the large model alone the earlier turns would be cached: small turns save less, the turn that returns loses."""
    hard, private = {"x-level": "hard"}, {"x-data-class": "restricted"}
    async with LargeServer() as large, served(policy(tmp_path, large)) as (url, _):
        for headers, messages in (
            (hard, TALK),
            ({}, TALK[:1]),
            ({}, TALK),
            (hard, TALK),
            (hard, TALK),
            (private, TALK),
        ):
            async with aiohttp.ClientSession(url, headers=headers) as http:
                await ask(http, "", messages=messages)
    drained(tmp_path / "state")
    rows = stored(tmp_path / "state")
    assert [(row["target"], row["baseline"]) for row in rows] == [
        ("large", "large"), ("small", "large"), ("small", "large"), ("large", "large"), ("large", "large"), ("small", "small"),
    ]  # fmt: skip
    is_cached = [row["baseline_cached_tokens"] > 1024 for row in rows]
    assert is_cached == [False, False, True, True, False, False]
    saved = [row["baseline_usd"] - row["cost_usd"] for row in rows]
    assert [saved[0], saved[4], saved[5]] == [0, 0, 0]
    assert saved[1] == pytest.approx(9 * rows[1]["cost_usd"])
    assert 0 < saved[2] < saved[1]
    assert saved[3] == pytest.approx(-rows[3]["baseline_cached_tokens"] * 9e-6)


async def test_what_is_spent_in_the_shadow_counts_against_the_house(tmp_path: Path):
    """A second answer is nobody's request, and still money: it is in everybody's budget, also after a restart."""
    async with LargeServer() as large:
        path = policy(tmp_path, large, sample=1)
        async with served(path) as (url, generations), aiohttp.ClientSession(url) as http:
            await ask(http, LONG)
            runtime = generations.current
            await until(lambda: runtime.ledger.tally.written == 2 and not runtime.shadows.in_flight)
            used = runtime.quotas.used_ratio()["house"] * 5
        drained(tmp_path / "state")
        assert used == pytest.approx(sum(row["cost_usd"] for row in stored(tmp_path / "state")))
        async with served(path) as (_, generations):
            assert generations.current.quotas.used_ratio()["house"] * 5 == pytest.approx(used)
        async with (
            served(policy(tmp_path, large, 1, used * 1.5)) as (url, generations),
            aiohttp.ClientSession(url) as http,
        ):
            runtime, seen = generations.current, large.counts.requests
            await ask(http, LONG)
            await until(lambda: not runtime.shadows.in_flight)
            assert large.counts.requests == seen + 1
            assert 'shunt_shadow_total{result="over_budget"} 1.0' in runtime.metrics.render("")[0].decode()


def test_days_are_drawn_with_their_gaps(tmp_path: Path):
    """From the first day to the last, empty ones included; a single day is no picture."""
    journal(
        tmp_path, *(record(str(n), at=NOON + day * 86_400.0) for day, count in ((0, 4), (2, 1)) for n in range(count))
    )
    report = reports.up_to_date(tmp_path, [By.MODEL, By.DAY])
    assert days_of(report)[0].split() == ["requests", "█▁▃"]
    assert (
        days_of(reports.up_to_date(tmp_path, [By.DAY], NOON + 1))
        == days_of(reports.up_to_date(tmp_path, [By.KEY]))
        == []
    )
    assert (bars([-1.0, 0.0, 1.0]), bars([0.0, 0.0])) == ("▁▅█", "▁▁")
