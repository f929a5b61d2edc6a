"""Nothing that was said, and no key, is in the log, the metrics or the ledger, whatever goes wrong and however loud it is."""

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from classifiers import Classifier
from router.exchange import Exchange
from router.runtime import Runtime
from router.telemetry import log
from router.telemetry.levels import ROOMS, Levels
from router.telemetry.lines import MAX_BYTES, TextLine
from router.telemetry.outlet import Outlet
from tests.fakes import faults
from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import Behaviour, Call, LargeServer, answer_whole
from tests.fakes.served import served

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", context: 256, threads: 1}}
  large: {{backend: openai, base_url: "{large}", model: l, api_key: env:UPSTREAM_KEY, retries: 0}}
tiers: [small, large]
policies: {{auto: {{select: [{{id: learned, score: complexity, threshold: 0.5}}], on_failure: [small, large]}}}}
server: {{keys: [env:CLIENT_KEY]}}
state_dir: "{folder}/state"
cache_dir: "{folder}/cache"
"""
# A real one, where it is beside the checkout; without it only refused embeddings are asked for.
VECTORS = Path(__file__).resolve().parents[3] / "shared" / "models" / "all-MiniLM-L6-v2-q8_0.gguf"
VECTORS_MODEL = f'  vectors: {{backend: llama.cpp, source: "{VECTORS}", can: [embeddings], threads: 1}}\n'
# One word, so that cutting or joining cannot hide it; the engine's own words are those of a random model.
MARK = "canary7f3a"
PROMPT, ANSWER, ODD = f"{MARK}prompt", f"{MARK}answer", f"{MARK}odd"
KEYS = {"CLIENT_KEY": f"sk-{MARK}-client", "UPSTREAM_KEY": f"sk-{MARK}-upstream"}
MESSAGES = [{"role": "user", "content": PROMPT}]
TOOL = {"type": "function", "function": {"name": ODD, "description": PROMPT, "parameters": {"type": "object"}}}
BODIES = {
    "/v1/chat/completions": {"messages": [{"role": "system", "content": PROMPT}, *MESSAGES], "user": ODD},
    "/v1/messages": {"messages": MESSAGES, "system": PROMPT, "metadata": {"user_id": ODD}},
    "/v1/completions": {"prompt": PROMPT, "user": ODD},
}
CALLS = [(path, stream) for path in BODIES for stream in (False, True)]
ERROR = {"message": f"{ANSWER} for {KEYS['UPSTREAM_KEY']}: {PROMPT}", "type": ANSWER, "code": ANSWER, "param": ANSWER}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The levels that `configure` sets are those of the whole process."""
    names = ("", "shunt", "uvicorn", *(f"shunt.{room}" for room in ROOMS))
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    log.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


async def said(call: Call) -> None:
    """An answer with the mark in every place that a target fills in."""
    if not call.is_stream:
        await answer_whole(call, [ANSWER])
        return
    await call.begin()
    await call.event({**call.chunk({"content": ANSWER}), "model": ANSWER, "id": ANSWER, "system_fingerprint": ANSWER})
    await call.finish(1)


TROUBLES: dict[str, Behaviour] = {
    "said": said,
    **{f"status {code}": faults.status(code, error=ERROR) for code in (400, 401, 403, 404, 422, 429, 500, 503)},
    "retry-after": faults.status(429, retry_after=ANSWER, error=ERROR),
    "page": faults.whole(f"<html>{ANSWER}</html>".encode(), content_type="text/html"),
    "broken json": faults.whole(f'{{"id": "{ANSWER}", "choices": [{{"{ANSWER}'.encode()),
    "wrong json": faults.whole(json.dumps({"id": ANSWER, "choices": ANSWER, "usage": ANSWER}).encode()),
    "odd stream": faults.raw(f"data: {ANSWER}\n\n".encode(), f"event: {ANSWER}\n\n".encode()),
    "error first": faults.error_first(ERROR),
    "error later": faults.raw(
        b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n',
        f"data: {json.dumps({'error': ERROR})}\n\n".encode(),
    ),
    "broken off": faults.texts([ANSWER] * 3, finish=False),
    "redirect": faults.redirect(f"http://{KEYS['UPSTREAM_KEY']}@127.0.0.1:9/{ANSWER}"),
    "cut": faults.cut_before_answer(),
    "reset": faults.reset(after=2),
}


class Client:
    """Asks, reads whatever comes, and remembers the ids of the answers by what was asked."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.ids: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self._url, self._http = url, http

    async def ask(self, name: str, path: str, body: object, **headers: str) -> None:
        """One request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        typed = {"content-type": "application/json", "x-api-key": KEYS["CLIENT_KEY"]} | headers
        async with self._http.post(f"{self._url}{path}", data=data, headers=typed) as answer:
            self.ids[name], self.statuses[name] = answer.headers["x-request-id"], answer.status
            with suppress(aiohttp.ClientPayloadError):  # a stream that was broken off on purpose
                await answer.read()

    async def call(self, name: str, path: str, model: str, **more: object) -> None:
        """One request that can be answered."""
        await self.ask(name, path, {"model": model, "max_tokens": 4, **BODIES[path], **more})


async def troubles(client: Client, large: LargeServer) -> None:
    """Every trouble of a target, over every endpoint, streamed and not."""
    for name, behaviour in TROUBLES.items():
        for path, stream in CALLS:
            large.script[:] = [behaviour]
            await client.call(f"{name} {path} {stream}", path, "large", stream=stream)
    large.script.clear()


async def local(client: Client) -> None:
    """The model on this machine, embeddings too, and what it refuses."""
    for path, stream in CALLS:
        await client.call(f"local {path} {stream}", path, "small", stream=stream)
    await client.call("auto", "/v1/chat/completions", "auto", tools=[TOOL])
    await client.call("too long", "/v1/completions", "small", prompt=PROMPT * 400)
    for model in ("small", "large", "vectors"):
        await client.ask(f"vectors {model}", "/v1/embeddings", {"model": model, "input": [PROMPT, PROMPT], "user": ODD})


async def refusals(client: Client) -> None:
    """Requests that are never accepted, with the mark in the place that is wrong."""
    chat = "/v1/chat/completions"
    bodies = {
        "model": {"model": ODD, "messages": MESSAGES},
        "field": {"model": "large", "messages": MESSAGES, ODD: PROMPT},
        "role": {"model": "large", "messages": [{"role": ODD, "content": PROMPT}]},
        "value": {"model": "large", "messages": MESSAGES, "temperature": PROMPT},
        "json": f'{{"model": "large", "messages": [{{"content": "{PROMPT}'.encode(),
        "bytes": PROMPT.encode() + b"\xff",
    }
    for path in (chat, "/v1/messages", "/v1/completions", "/v1/embeddings"):
        for name, body in bodies.items():
            await client.ask(f"{name} {path}", path, body)
    await client.ask("path", f"/v1/{ODD}/{PROMPT}", {})
    await client.ask("query", f"{chat}?api_key={KEYS['CLIENT_KEY']}&q={PROMPT}", bodies["model"])
    await client.ask("wrong key", chat, bodies["model"], **{"x-api-key": f"sk-{MARK}-wrong"})
    await client.ask("bearer", chat, bodies["model"], **{"x-api-key": "", "authorization": f"Bearer sk-{MARK}-wrong"})
    await client.ask("type", chat, bodies["model"], **{"content-type": f"text/{ODD}"})
    await client.ask("flood", chat, bodies["model"], **{f"x-{ODD}-{number}": PROMPT for number in range(200)})
    await client.ask("headers", chat, bodies["model"], **{"user-agent": ODD, "x-session-id": ODD, f"x-{ODD}": PROMPT})


async def defects(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exceptions of our own that have the mark in their text: at the classifier, before the decision, in a stream."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise ValueError(PROMPT)

    for owner, name in ((Classifier, "judge"), (Exchange, "_observe"), (Runtime, "decide")):
        with monkeypatch.context() as broken:
            broken.setattr(owner, name, fail)
            for path, stream in CALLS:
                await client.call(f"{name} {path} {stream}", path, "auto", stream=stream)


async def test_nothing_that_was_said_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """Prompts, answers, keys and odd words over every endpoint, through every failure, at the level debug.

    Not in the log in either form, nor in what the engine's process prints, the metrics, the journal and the ledger. Each
    request that was answered or refused is one line.
    """
    monkeypatch.setenv("SHUNT_ENGINE_LOG", "1")
    path = tmp_path / "shunt.yaml"
    as_json, as_text = io.StringIO(), io.StringIO()
    async with LargeServer() as large, aiohttp.ClientSession() as http:
        small = write_tiny_gguf(tmp_path / "tiny.gguf", context=256)
        policy = POLICY.format(small=small, large=large.base_url, folder=tmp_path)
        path.write_text(policy.replace("tiers:", f"{VECTORS_MODEL}tiers:") if VECTORS.exists() else policy)
        log.configure(Levels("DEBUG", dict.fromkeys(ROOMS, "DEBUG")), as_json=True, stream=as_json)
        logging.getLogger().addHandler(Outlet(as_text, TextLine()))
        async with served(path, KEYS) as (url, _):
            client = Client(url, http)
            await troubles(client, large)
            await local(client)
            await refusals(client)
            await defects(client, monkeypatch)
            headers = {"x-api-key": KEYS["CLIENT_KEY"], "accept": "application/openmetrics-text"}
            async with http.get(f"{url}/metrics", headers=headers) as answer:
                metrics = await answer.text()
        log.close()
    lines, texts = as_json.getvalue().splitlines(), as_text.getvalue().splitlines()
    assert [] == [line for line in (*lines, *texts, *metrics.splitlines()) if MARK in line]
    assert [] == [line for line in (*lines, *texts) if len(line.encode()) > MAX_BYTES]
    assert MARK not in "".join(capfd.readouterr())
    kept = [one for one in (tmp_path / "state").rglob("*") if one.is_file()]
    assert [] == [one for one in kept if MARK.encode() in one.read_bytes()]
    assert any(one.suffix == ".sqlite3" for one in kept)
    told = Counter(json.loads(line).get("request_id") for line in lines)
    expected = {name: 1 for name in client.ids if not name.startswith("decide")}
    assert expected == {name: told[client.ids[name]] for name in expected}
    answered = [name for name, status in client.statuses.items() if status == 200]
    assert {f"said {path} {stream}" for path, stream in CALLS} <= {*answered}
    assert VECTORS.exists() == ("vectors vectors" in answered)
    assert len(texts) == len(lines)
