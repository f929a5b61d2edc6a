"""From an answer to a better classifier: what callers think of answers, and words that the policy file lets be kept."""

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from classifiers.artifact import ArtifactError
from classifiers.outcomes import Outcome
from router.cli import app
from router.ledger.store import Store
from router.ledger.tables import captures, feedback
from router.quality.history import read_history
from tests.classifiers.traffic import traffic
from tests.e2e.samples import metric
from tests.fakes.large import LargeServer
from tests.fakes.served import served
from tests.ledger.books import drained
from tests.limits.test_budgets import a_key

POLICY = """
version: 1
models:
  cheap: {{backend: openai, base_url: "{large}", model: c}}
  large: {{backend: openai, base_url: "{large}", model: b}}
tiers: [cheap, large]
policies:
  auto: {{select: [{{id: all, target: cheap}}], on_failure: [large]}}
  onsite: {{select: [{{id: all, target: cheap}}]}}
{capture}
state_dir: {folder}/state
"""
CAPTURE = "capture: {sample: 1, policies: [auto]}"


def written(folder: Path, large: LargeServer, capture: str) -> Path:
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(large=large.base_url, capture=capture, folder=folder))
    return path


async def ask(http: aiohttp.ClientSession, prompt: str, **more: object) -> str:
    """The id of an answer."""
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "max_tokens": 2, **more}
    async with http.post("/v1/chat/completions", json=body) as answer:
        await answer.read()
        assert answer.status == 200
        return answer.headers["x-request-id"]


async def say(http: aiohttp.ClientSession, **body: object) -> tuple[int, dict]:
    async with http.post("/v1/feedback", json=body) as answer:
        return answer.status, await answer.json()


def kept(folder: Path, *columns: object) -> list[tuple]:
    drained(folder / "state")
    with Store.in_folder(folder / "state") as store, store.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(columns[0]))]


async def test_thumbs_and_captured_words_teach_the_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Answers are rated by thumbs, prompts come from what was captured: `shunt train --from-ledger` needs nothing else."""
    rows = traffic(40)
    monkeypatch.setattr("router.captures.MAX_IN_FLIGHT", len(rows))  # a busy machine drops words, this one must not
    async with LargeServer() as large:
        path = written(tmp_path, large, CAPTURE)
        async with served(path) as (url, _), aiohttp.ClientSession(url) as http:
            for row in rows:
                name = await ask(http, row.prompt)
                assert (await say(http, request_id=f"chatcmpl-{name}", thumbs="up" if row.small else "down"))[0] == 202
    taught: list[Outcome] = []

    def adapt(_artifact: Path, found: list[Outcome], _step: object) -> None:
        # What learning does with rows is shown elsewhere, and takes ten seconds.
        taught.extend(found)
        raise ArtifactError("read")

    monkeypatch.setattr("classifiers.adapting.adapt", adapt)
    done = await asyncio.to_thread(CliRunner().invoke, app, ["train", "--from-ledger", "--config", str(path)])
    assert str(done.exception) == "read"
    assert sorted((row.prompt, row.small) for row in taught) == sorted((row.prompt, row.small) for row in rows)


async def test_opinions_count_for_the_own_key_and_the_last_one(tmp_path: Path):
    """Another key's opinion is kept and counts for nothing; what is none is refused by name."""
    key, other = a_key(tmp_path), a_key(tmp_path, "other")
    async with LargeServer() as large:
        path = written(tmp_path, large, "")
        async with served(path) as (url, _), aiohttp.ClientSession(url, headers=key) as http:
            name = await ask(http, "hello")
            assert await say(http, request_id=name, score=1) == (
                202, {"object": "feedback", "request_id": name, "score": 1.0},
            )  # fmt: skip
            assert (await say(http, request_id=name, score=0.25, comment="no"))[0] == 202
            async with aiohttp.ClientSession(url, headers=other) as stranger:
                assert (await say(stranger, request_id=name, thumbs="up"))[0] == 202
            for wrong in ({"score": 2}, {"thumbs": "up", "score": 1}, {}, {"score": 1, "comment": "x" * 2001}):
                status, told = await say(http, request_id=name, **wrong)
                assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert kept(tmp_path, feedback.c.id, feedback.c.key, feedback.c.score) == [
        (1, "app", 1.0), (2, "app", 0.25), (3, "other", 1.0),
    ]  # fmt: skip
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(f'{{"request_id": "{name}", "prompt": "hello"}}')
    assert [row.small for row in read_history(tmp_path / "state", prompts, "cheap").rows] == [0.25]


async def test_words_are_kept_only_where_the_file_says_so(tmp_path: Path):
    """Not without `capture`, not under another policy, not with `store: false`; personal data is taken out before."""
    async with LargeServer() as large:
        for capture in ("", CAPTURE):
            path = written(tmp_path, large, capture)
            async with served(path) as (url, generations), aiohttp.ClientSession(url) as http:
                await ask(http, "my mail is anna@example.ch", temperature=0)
                await ask(http, "elsewhere", model="onsite")
                await ask(http, "not mine to keep", store=False)
                runtime = generations.current
            found = metric(runtime.metrics.render("")[0].decode(), "shunt_captures_total")
            assert found == (1 if capture else 0)
    [(prompt, answer, policy)] = kept(tmp_path, captures.c.prompt, captures.c.answer, captures.c.policy)
    assert (prompt, policy, bool(answer)) == ("my mail is [email]", "auto", True)
    journals = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert Counter(word in journals for word in (b"anna@", b"elsewhere", b"not mine")) == {False: 3}
