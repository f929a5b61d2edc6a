"""One engine child as a process: started with next to nothing of our environment, and never left behind."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

import router
from router.engine import settings, wire
from router.engine.client import EngineClient, LoadRefusedError
from router.engine.settings import Settings

# Keys and tokens live in the environment, and native code that reads a stranger's file must not find them there.
KEPT_VARIABLES = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"})
KEPT_PREFIXES = ("LC_", "OMP_", "GOMP_", "KMP_", "GGML_", "LLAMA_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "COVERAGE_")

CHILD_MODULE = "router.engine.child"
CLOSE_S = 2.0
FAREWELL_S = 1.0  # between a connection's end and the process's, or the other way round


class LaunchError(Exception):
    """The child ended, or fell silent, before its model was loaded; another try may help."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running child whose model is loaded."""

    process: asyncio.subprocess.Process
    client: EngineClient
    hello: wire.Hello

    async def ended(self) -> str:
        """Wait until the process has ended or hung up, and say how."""
        exited = asyncio.ensure_future(self.process.wait())
        lost = asyncio.ensure_future(self.client.lost.wait())
        try:
            await asyncio.wait({exited, lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
            lost.cancel()
        # Whichever came first: what hung up is of no use. A moment's patience lets it die of its own cause.
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.process.wait()
        await self.kill()
        return ending(self.process.returncode)

    async def kill(self) -> None:
        """End the process now. A stopped one dies too."""
        self.client.abort("The local engine stopped.")
        await _kill(self.process)

    async def close(self) -> None:
        """Ask the process to end by hanging up, and insist after `CLOSE_S`."""
        self.client.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.process.wait()
        await self.kill()


async def launch(how: Settings, *, load_s: float) -> Child:
    """Start a child and wait until its model is loaded.

    Raises:
        LoadRefusedError: the model cannot be served, however often one tries.
        LaunchError: the child crashed, could not be started or did not get ready within `load_s` seconds.
    """
    connected: asyncio.Future[EngineClient] = asyncio.get_running_loop().create_future()
    try:
        async with _socket(connected) as path:
            process = await _spawn(msgspec.structs.replace(how, socket=str(path)))
            return await _greeted(process, connected, load_s)
    except OSError as error:
        raise LaunchError(f"The local engine did not start: {error.strerror or error}.") from error


@asynccontextmanager
async def _socket(connected: asyncio.Future[EngineClient]) -> AsyncIterator[Path]:
    """A socket that takes one connection, in a folder of its own that only this user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="shunt-", dir=_short_folder()))
    path = folder / "engine"
    try:
        server = await asyncio.get_running_loop().create_unix_server(lambda: _one_client(connected), path)
        try:
            yield path
        finally:
            server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ending(returncode: int | None) -> str:
    """How a process ended, for a person."""
    if returncode is None:
        return "it is still running"
    if returncode >= 0:
        return f"it exited with status {returncode}"
    with suppress(ValueError):
        return f"it was killed by {signal.Signals(-returncode).name}"
    return f"it was killed by signal {-returncode}"


def child_environment() -> dict[str, str]:
    """What the child may see of our environment: where programs and libraries are, and how threads behave."""
    kept = {
        name: value for name, value in os.environ.items() if name in KEPT_VARIABLES or name.startswith(KEPT_PREFIXES)
    }
    return kept | {"PYTHONPATH": str(Path(router.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}


def _one_client(connected: asyncio.Future[EngineClient]) -> EngineClient:
    def on_connected(client: EngineClient) -> None:
        if connected.done():
            client.abort("Only one connection is expected.")
        else:
            connected.set_result(client)

    return EngineClient(on_connected)


def _short_folder() -> str | None:
    """A Unix socket's path may have 107 bytes; the runtime folder is short and ours alone where there is one."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return runtime if len(runtime) < 64 and os.access(runtime, os.W_OK | os.X_OK) else None


async def _spawn(how: Settings) -> asyncio.subprocess.Process:
    wants_log = os.environ.get("SHUNT_ENGINE_LOG") == "1"
    # -P: the folder that Shunt was started in is not a place to import from. A session of its own: Ctrl-C in the
    # terminal must reach the parent alone, which then drains.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        CHILD_MODULE,
        settings.dump(how),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=None if wants_log else asyncio.subprocess.DEVNULL,
        stderr=None if wants_log else asyncio.subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )


async def _greeted(
    process: asyncio.subprocess.Process, connected: asyncio.Future[EngineClient], load_s: float
) -> Child:
    """Wait for the greeting; if none comes, the process does not survive it."""
    greeting = asyncio.ensure_future(_greeting(connected))
    exited = asyncio.ensure_future(process.wait())
    reason = f"it did not load within {load_s:g} s"
    try:
        await asyncio.wait({greeting, exited}, timeout=load_s, return_when=asyncio.FIRST_COMPLETED)
        if exited.done() or _is_lost(greeting):
            # Of the process and its connection one ends first; the other one's last words tell more.
            await asyncio.wait({greeting, exited}, timeout=FAREWELL_S)
            reason = ending(process.returncode)
        if greeting.done() and not _is_lost(greeting):
            client, hello = greeting.result()
            return Child(process, client, hello)
    finally:
        exited.cancel()
        if not _has_greeted(greeting):
            greeting.cancel()
            await _dismiss(process, connected)
    raise LaunchError(f"The local engine did not start: {reason}.")


def _is_lost(greeting: asyncio.Future[tuple[EngineClient, wire.Hello]]) -> bool:
    return greeting.done() and isinstance(greeting.exception(), ConnectionError)


def _has_greeted(greeting: asyncio.Future[tuple[EngineClient, wire.Hello]]) -> bool:
    return greeting.done() and not greeting.cancelled() and greeting.exception() is None


async def _greeting(connected: asyncio.Future[EngineClient]) -> tuple[EngineClient, wire.Hello]:
    client = await connected
    return client, await client.hello


async def _dismiss(process: asyncio.subprocess.Process, connected: asyncio.Future[EngineClient]) -> None:
    if connected.done() and not connected.cancelled():
        connected.result().abort("The local engine stopped.")
    await _kill(process)


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()


__all__ = ["Child", "LaunchError", "LoadRefusedError", "child_environment", "ending", "launch"]
