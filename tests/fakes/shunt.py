"""A real `shunt serve` in its own process, on a free port, with its state in a temporary folder."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Self

import aiohttp

from tests.fakes.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.05
PORTS = 3


class ShuntServer:
    """Started with `async with`; `restart` starts it again after a kill, with the same state."""

    def __init__(self, folder: Path, policy: str, *, environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.config = folder / "shunt.yaml"
        self.config.write_text(policy + f"\nstate_dir: {folder / 'state'}\ncache_dir: {folder / 'cache'}\n")
        self.environ = {name: value for name, value in {**os.environ, **(environ or {})}.items() if value}
        self.port = _free_port()
        self.process: asyncio.subprocess.Process | None = None

    @property
    def base_url(self) -> str:
        """The base that an OpenAI client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def root_url(self) -> str:
        """Where the probes and metrics are."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait for /readyz; another free port where somebody has taken this one meanwhile."""
        for _ in range(PORTS):
            before = len(self.log())
            await self._begin()
            if await self._comes_up():
                return
            told = self.log()[before:]
            if "cannot listen on" not in told:
                break
            self.port = _free_port()
        raise AssertionError(f"shunt serve ended with {self.process.returncode}:\n{self.log()}")

    async def _begin(self) -> None:
        log = (self.folder / "serve.log").open("ab")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "router", "serve", "--config", str(self.config), "--port", str(self.port),
            stdout=log, stderr=log, env=self.environ, cwd=ROOT,
        )  # fmt: skip
        log.close()

    async def _comes_up(self) -> bool:
        """False when the process ended before it was ready."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self._is_ready():
                if self.process.returncode is not None:
                    return False
                await asyncio.sleep(POLL_S)
        return True

    async def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL: nothing in the process gets a chance to tidy up."""
        self.process.kill()
        await self.process.wait()

    def log(self) -> str:
        """Everything that the process printed."""
        path = self.folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def logged(self, text: str) -> None:
        """Wait until the process has printed `text`: readiness is told before the start screen is shown."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.log():
                await asyncio.sleep(POLL_S)

    async def command(self, *arguments: str) -> str:
        """Run another `shunt` command on the same policy file and return what it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "router", *arguments, "--config", str(self.config),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=self.environ, cwd=ROOT,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def _is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.root_url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
