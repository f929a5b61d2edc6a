"""Mixed load on a router: easy and hard, streamed and not, refused, failing and escalated requests."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp

from classifiers.drift import ENOUGH
from router.config import Config
from router.keys.book import Book, Wish
from tests.fakes import faults
from tests.fakes.large import LargeServer

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", context: 512, running: {{watts: 40}},
          price: {{input_usd_per_million: 1, output_usd_per_million: 10}}}}
  large: {{backend: openai, base_url: "{large}", model: l,
          price: {{input_usd_per_million: 100, output_usd_per_million: 1000}}}}
tiers: [small, large]
policies:
  auto:
    select: [{{id: learned, score: complexity, threshold: 0.48}}]
    on_failure: [small, large]
  strict:
    select: [{{id: all, target: small}}]
    verify: {{target: small, escalate_to: large, below: -0.01, hold_tokens: 6, max_added_ms: 60000}}
budgets:
  - {{id: house, usd_per_day: 1000}}
  - {{id: team-a, match: {{key_tag: team-a}}, usd_per_month: 400}}
"""
TAGS = {"shop": ("team-a",), "batch": ("team-b", "nightly")}
HARD = "Prove that there are infinitely many primes, and give every step of the proof, number {}."
EASY = "Hello number {}!"
AT_ONCE = 12


def make_keys(state_dir: Path) -> tuple[str, ...]:
    """A key for each caller of `TAGS`, as `shunt keys create` makes them; their secrets."""
    book = Book(Config(None, models={}, tiers=(), policies={}, default_policy="auto", state_dir=state_dir))
    return tuple(book.create(Wish(name, tags=tags), time.time()) for name, tags in TAGS.items())


async def play(root_url: str, large: LargeServer, keys: Sequence[str], *, hard: int = ENOUGH // 2) -> set[str]:
    """Send it all and return the ids of the answers; played twice, there are scores enough to tell drift."""
    large.script += [faults.status(500)] * 8
    requests = [{"model": "auto", "text": HARD.format(number), "stream": number % 2 == 0} for number in range(hard)]
    for number in range(24):
        requests.insert(9 * number, {"model": "auto", "text": EASY.format(number), "stream": number % 2 == 0})
        requests.insert(11 * number, {"model": "strict", "text": EASY.format(number), "stream": False})
        requests.insert(13 * number, {"model": "auto", "text": None, "stream": False})
    waiting = iter(requests)
    async with aiohttp.ClientSession(root_url) as http:
        return set().union(
            *await asyncio.gather(*(_worker(http, waiting, keys[number % len(keys)]) for number in range(AT_ONCE)))
        )


async def _worker(http: aiohttp.ClientSession, waiting: Iterator[dict], key: str) -> set[str]:
    ids = set()
    for request in waiting:
        messages = [{"role": "user", "content": request["text"]}]
        body = {"model": request["model"], "messages": messages, "max_tokens": 12, "stream": request["stream"]}
        body |= {"ignore_eos": True}
        async with http.post("/v1/chat/completions", json=body, headers={"x-api-key": key}) as answer:
            await answer.read()
        ids.add(answer.headers["x-request-id"])
    return ids
