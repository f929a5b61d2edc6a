"""`shunt engine`: one model alone behind a real socket."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import openai
import pytest

from router.errors import ConfigError
from router.standalone import adapters_of
from tests.fakes.gguf_model import write_tiny_adapter, write_tiny_gguf
from tests.fakes.shunt import ShuntServer

ROOT = Path(__file__).resolve().parents[2]


class EngineServer(ShuntServer):
    """`shunt engine` in place of `shunt serve`; `model` is the file it serves."""

    model: Path
    options: tuple[str, ...] = ()

    async def _begin(self) -> None:
        with (self.folder / "serve.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "router", "engine", "--model", str(self.model),
                "--port", str(self.port), "--context", "256", "--parallel", "2", "--threads", "1", *self.options,
                stdout=log, stderr=log, env=self.environ, cwd=ROOT,
            )  # fmt: skip


@asynccontextmanager
async def engine(folder: Path, model: Path, *options: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client of `shunt engine` with `model` and further options."""
    server = EngineServer(folder, "", environ={"XDG_STATE_HOME": str(folder / "home"), "SHUNT_API_KEY": ""})
    server.model, server.options = model, options
    async with server, openai.AsyncOpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        yield client


async def test_one_model_is_served_under_any_name(tmp_path: Path):
    """An OpenAI client gets an answer without a policy file, whatever it calls the model."""
    async with engine(tmp_path, write_tiny_gguf(tmp_path / "tiny.gguf")) as client:
        for name in ("auto", "local", "gpt-4o-mini"):
            answer = await client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "Hello"}], max_tokens=4
            )
            assert (answer.model, answer.usage.completion_tokens <= 4) == ("local", True)


async def test_adapters_are_asked_for_by_name(tmp_path: Path):
    """`--adapter NAME=FILE` serves the model as `local:NAME` too, with another answer."""
    adapter = write_tiny_adapter(tmp_path / "adapter.gguf", seed=1)
    said = []
    async with engine(tmp_path, write_tiny_gguf(tmp_path / "tiny.gguf"), "--adapter", f"other={adapter}") as client:
        for name in ("local", "local:other", "local"):
            answer = await client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "Hello"}], max_tokens=12, temperature=0
            )
            said.append(answer.choices[0].message.content)
    assert (said[0] == said[2], said[0] != said[1]) == (True, True)


@pytest.mark.parametrize(
    ("written", "told"),
    [("other", "not NAME=FILE"), ("../x=y", "not NAME=FILE"), ("other=none.gguf", "none.gguf: no such file")],
)
def test_a_malformed_adapter_is_refused_in_words(written: str, told: str):
    """The option says how it is written, or which file is missing."""
    with pytest.raises(ConfigError, match=told):
        adapters_of([written])


async def test_an_embedding_model_embeds(tmp_path: Path, shared: Path):
    """With an embedding model `/v1/embeddings` answers under any name, and a chat is refused in words."""
    async with engine(tmp_path, shared / "models" / "all-MiniLM-L6-v2-q8_0.gguf") as client:
        for name in ("local", "text-embedding-3-small"):
            answer = await client.embeddings.create(
                model=name, input=["A cat sits on the mat.", "A kitten rests on a rug.", "Stock prices fell."]
            )
            one, like, unlike = (np.array(item.embedding) for item in answer.data)
            assert (answer.model, len(one), answer.usage.prompt_tokens > 0) == ("local", 384, True)
            assert (one @ like > 0.5, one @ unlike < 0.3) == (True, True)
        cut = await client.embeddings.create(model="local", input="hello", dimensions=64)
        assert len(cut.data[0].embedding) == 64
        with pytest.raises(openai.BadRequestError, match="embeds and does not write text"):
            await client.chat.completions.create(model="local", messages=[{"role": "user", "content": "Hello"}])


async def test_a_model_that_writes_does_not_embed(tmp_path: Path):
    """A chat model says so when it is asked for vectors."""
    async with engine(tmp_path, write_tiny_gguf(tmp_path / "tiny.gguf")) as client:
        with pytest.raises(openai.BadRequestError, match="writes text and does not embed"):
            await client.embeddings.create(model="local", input="hello")


async def test_a_file_that_is_not_there_ends_with_status_2(tmp_path: Path):
    """The path is told before anything starts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router", "engine", "--model", str(tmp_path / "none.gguf"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    _, err = await process.communicate()
    assert (process.returncode, b"none.gguf: no such file" in err) == (2, True)
