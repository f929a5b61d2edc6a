"""`shunt engine`: one model alone behind a real socket."""

import asyncio
import os
import sys
from pathlib import Path

import openai

from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.shunt import ShuntServer

ROOT = Path(__file__).resolve().parents[2]


class EngineServer(ShuntServer):
    """`shunt engine` in place of `shunt serve`."""

    async def start(self) -> None:
        """Start it and wait for /readyz."""
        with (self.folder / "serve.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "router", "engine", "--model", str(self.folder / "tiny.gguf"),
                "--port", str(self.port), "--context", "256", "--parallel", "2", "--threads", "1",
                stdout=log, stderr=log, env=self.environ, cwd=ROOT,
            )  # fmt: skip
        async with asyncio.timeout(60):
            while not await self._is_ready():
                await asyncio.sleep(0.05)


async def test_one_model_is_served_under_any_name(tmp_path: Path):
    """An OpenAI client gets an answer without a policy file, whatever it calls the model."""
    write_tiny_gguf(tmp_path / "tiny.gguf")
    environ = {"XDG_STATE_HOME": str(tmp_path / "home"), "SHUNT_API_KEY": ""}
    async with (
        EngineServer(tmp_path, "", environ=environ) as server,
        openai.AsyncOpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client,
    ):
        for name in ("auto", "local", "gpt-4o-mini"):
            answer = await client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "Hello"}], max_tokens=4
            )
            assert (answer.model, answer.usage.completion_tokens <= 4) == ("local", True)


async def test_a_file_that_is_not_there_ends_with_status_2(tmp_path: Path):
    """The path is told before anything starts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router", "engine", "--model", str(tmp_path / "none.gguf"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    _, err = await process.communicate()
    assert (process.returncode, b"none.gguf: no such file" in err) == (2, True)
