"""The application on a real socket in the test's own process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from router import policy
from router.app import build
from router.generations import Generations
from tests.fakes.patience import PATIENCE_S

NOTHING: Mapping[str, str] = {}


async def until(holds: Callable[[], bool | Awaitable[bool]], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(path: Path, environ: Mapping[str, str] = NOTHING) -> AsyncIterator[tuple[str, Generations]]:
    """Serve the policy file at `path`; what it leaves behind can be counted in this process."""
    app = build(policy.load(path, environ))
    inner = app
    while not hasattr(inner, "state"):
        inner = inner.app
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, ws="none", http="httptools"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", inner.state.generations
        finally:
            server.should_exit = True
            await task
