"""Which runtime serves now: a request keeps the one it began with, and a new one takes over between two requests."""

import asyncio
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from router.backends.base import Backend
from router.errors import ConfigError
from router.runtime import Runtime

LOAD_S = 60.0


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """When the policy that serves was loaded (Unix seconds), and why a newer file was not taken, if it was not.

    `kept` is what the file says and this process cannot take without a new start.
    """

    loaded_at: float
    rejected: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class Generations:
    """The runtimes of one process, one of them current. What a former one alone used is closed after its last request."""

    def __init__(self, runtime: Runtime) -> None:
        self.current = runtime
        self.status = PolicyStatus(time.time())
        self._users: dict[Runtime, int] = {}
        self._unused = asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()

    async def take_over(self, runtime: Runtime, kept: tuple[str, ...] = ()) -> None:
        """Start what `runtime` has that the current one has not, then let it serve; requests under way are not touched.

        A model that takes longer than a minute to load is `loading` when requests come, as at the start.
        """
        fresh = runtime.beside(self.current)
        await asyncio.gather(*(target.start() for target in fresh))
        await _settled(fresh)
        former, self.current = self.current, runtime
        runtime.metrics.adopt(runtime.config)
        runtime.quotas.adopt(runtime.config.limits)
        runtime.ledger.adopt(runtime.config)
        runtime.metrics.reloaded("ok")
        self.status = PolicyStatus(time.time(), kept=kept)
        task = asyncio.ensure_future(self._retire(former, former.beside(runtime)))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def reject(self, error: ConfigError) -> None:
        """Remember why a file was not taken."""
        self.status = PolicyStatus(self.status.loaded_at, error.problems, self.status.kept)
        self.current.metrics.reloaded("rejected")

    async def close(self) -> None:
        """Close everything; no request is under way any more."""
        self._users.clear()
        self._unused.set()
        await asyncio.gather(*self._retiring)
        await self.current.close()

    def enter(self) -> Runtime:
        """The current runtime, for one more request."""
        self._users[self.current] = self._users.get(self.current, 0) + 1
        return self.current

    def leave(self, runtime: Runtime) -> None:
        """The request is over."""
        left = self._users.get(runtime, 1) - 1
        if left:
            self._users[runtime] = left
        else:
            self._users.pop(runtime, None)
            self._unused.set()

    async def _retire(self, runtime: Runtime, targets: list[Backend]) -> None:
        while runtime in self._users:
            self._unused.clear()
            await self._unused.wait()
        await asyncio.gather(*(target.close() for target in targets))


class Pinned:
    """Gives each request the runtime that is current when it comes, and keeps that alive until it is over."""

    def __init__(self, app: ASGIApp, generations: Generations) -> None:
        self.app = app
        self.generations = generations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        runtime = self.generations.enter()
        scope["state"] |= {"runtime": runtime, "generations": self.generations}
        try:
            await self.app(scope, receive, send)
        finally:
            self.generations.leave(runtime)


def runtime_of(request: Request) -> Runtime:
    """The runtime that serves this request, from its beginning to its end."""
    runtime: Runtime = request.scope["state"]["runtime"]
    return runtime


def generations_of(request: Request) -> Generations:
    """All the runtimes of the process."""
    generations: Generations = request.scope["state"]["generations"]
    return generations


async def _settled(targets: list[Backend]) -> None:
    ends_at = asyncio.get_running_loop().time() + LOAD_S
    while any(target.state().status == "loading" for target in targets):
        if asyncio.get_running_loop().time() > ends_at:
            return
        await asyncio.sleep(0.02)
