"""The official OpenAI SDK asks a running router for vectors of a real local model."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import openai
import pytest
import pytest_asyncio

from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.shunt import ShuntServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", threads: 1}}
  minilm: {{backend: llama.cpp, source: "{minilm}", can: [embeddings], threads: 1}}
  remote: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: r, can: [embeddings]}}
tiers: [small]
aliases: {{text-embedding-3-small: minilm}}
guards: [{{id: privacy, when: {{header: {{x-data-class: secret}}}}, allow_zone: [cloud]}}]
policies:
  auto: {{select: [{{id: default, target: small}}]}}
"""
TEXTS = ["A cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose again."]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shunt(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShuntServer]:
    folder: Path = tmp_path_factory.mktemp("embeddings")
    minilm = shared / "models" / "all-MiniLM-L6-v2-q8_0.gguf"
    small = write_tiny_gguf(folder / "tiny.gguf")
    async with ShuntServer(folder, POLICY.format(small=small, minilm=minilm)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(shunt: ShuntServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=shunt.base_url, api_key="unused", max_retries=0) as sdk:
        yield sdk


async def test_base64_and_float_agree(client: openai.AsyncOpenAI):
    """The SDK's default (base64), asked for by hand or not, holds the numbers that `float` spells out."""
    packed = await client.embeddings.create(model="minilm", input=TEXTS)
    spelled = await client.embeddings.create(model="minilm", input=TEXTS, encoding_format="float")
    by_hand = await client.embeddings.create(model="minilm", input=TEXTS, encoding_format="base64")
    raw = [np.frombuffer(base64.b64decode(one.embedding), "<f4").tolist() for one in by_hand.data]
    expected = [one.embedding for one in spelled.data]
    assert raw == expected
    assert [one.embedding for one in packed.data] == expected
    assert [len(vector) for vector in expected] == [384] * 3


async def test_a_batch_keeps_its_order(client: openai.AsyncOpenAI):
    """Each text of a batch has the vector that it has alone, at its place; the alike are nearer."""
    batch = await client.embeddings.create(model="text-embedding-3-small", input=TEXTS)
    alone = [await client.embeddings.create(model="minilm", input=text) for text in TEXTS]
    together = np.array([one.embedding for one in batch.data])
    assert [one.index for one in batch.data] == [0, 1, 2]
    assert batch.model == "minilm"
    assert batch.usage.prompt_tokens == batch.usage.total_tokens == sum(one.usage.prompt_tokens for one in alone)
    assert np.sum(together * np.array([one.data[0].embedding for one in alone]), axis=1) == pytest.approx(1, abs=1e-3)
    assert together[0] @ together[1] > together[0] @ together[2] + 0.2


async def test_dimensions_cut_and_normalise_again(client: openai.AsyncOpenAI):
    """Fewer dimensions are the first ones, at length one again."""
    whole = await client.embeddings.create(model="minilm", input=TEXTS[0])
    cut = await client.embeddings.create(model="minilm", input=TEXTS[0], dimensions=64)
    head = np.array(whole.data[0].embedding[:64])
    assert cut.data[0].embedding == pytest.approx((head / np.linalg.norm(head)).tolist(), abs=1e-6)


async def test_token_ids_are_an_input(client: openai.AsyncOpenAI):
    """One list of ids is one text, several are several."""
    one = await client.embeddings.create(model="minilm", input=[101, 4937, 102])
    two = await client.embeddings.create(model="minilm", input=[[101, 4937, 102], [101, 3899, 102]])
    assert (len(one.data), len(two.data), one.usage.prompt_tokens) == (1, 2, 3)


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        ("small", {}, "model"),
        ("auto", {}, "model"),
        ("remote", {}, "model"),
        ("minilm", {"dimensions": 385}, "dimensions"),
        ("minilm", {"dimensions": 0}, "dimensions"),
        ("minilm", {"input": []}, "input"),
        ("minilm", {"input": [10**6]}, "input"),
        ("minilm", {"input": "word " * 2000}, "input"),
    ],
)
async def test_what_cannot_be_embedded_names_its_field(
    client: openai.AsyncOpenAI, model: str, fields: dict[str, object], param: str
):
    """A model that writes text, a policy, a remote model and a wrong value are each a 400 with a name."""
    with pytest.raises(openai.BadRequestError) as caught:
        await client.embeddings.create(**{"model": model, "input": "Hi.", **fields})
    assert caught.value.param == param


async def test_guards_hold_for_embeddings(client: openai.AsyncOpenAI):
    """Data that may not enter a zone is not embedded there."""
    with pytest.raises(openai.PermissionDeniedError):
        await client.embeddings.create(model="minilm", input="Hi.", extra_headers={"x-data-class": "secret"})


async def test_each_answer_is_recorded_once(shunt: ShuntServer, client: openai.AsyncOpenAI):
    """The ledger counts one request with its tokens, and the headers say who answered."""

    async def total() -> dict[str, int]:
        return json.loads(await shunt.command("usage", "--json"))["total"]

    before = await total()
    raw = await client.embeddings.with_raw_response.create(model="minilm", input=TEXTS)
    after = await total()
    assert after["requests"] - before["requests"] == 1
    assert after["prompt_tokens"] - before["prompt_tokens"] == raw.parse().usage.prompt_tokens
    assert (raw.headers["x-shunt-model"], raw.headers["x-shunt-reason"]) == ("minilm", "asked")
