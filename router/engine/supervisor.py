"""Keeps one engine child alive: starts it, listens to its heart, starts it again, and gives up on a file that is bad.

loading ──> ready ──> down (it died; started again after a pause) ──> loading
   └──────> down (the model cannot be served; tried again when its file changes, or after a while) ──> loading
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from router.engine import heart, wire
from router.engine.client import EngineClient, LoadRefusedError
from router.engine.heart import Heartbeat
from router.engine.process import Child, LaunchError, launch
from router.engine.settings import Settings
from router.engine.watch import Sleep, Snapshot

logger = logging.getLogger("shunt.engine")

Status: TypeAlias = Literal["loading", "ready", "down"]


class NotServableError(Exception):
    """The model cannot be served. It is tried again once `file` changes or, without one, after `Rhythm.retry_s`."""

    def __init__(self, message: str, file: Snapshot | None = None) -> None:
        super().__init__(message)
        self.file = file


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start the child, and the model's file as it was when it was checked."""

    settings: Settings
    file: Snapshot


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When to do what, in seconds.

    The pause before a restart doubles from `first_pause_s` to `longest_pause_s`, and starts over once a child has been
    well for `healthy_s`. A file that crashes the child `crashes` times in a row while it loads is to blame itself.
    """

    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    load_s: float = 600.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 30.0
    healthy_s: float = 60.0
    poll_file_s: float = 2.0
    retry_s: float = 120.0
    crashes: int = 4


class Supervisor:
    """One child, from `start` to `close`. `prepare` finds and checks the model; it may take long."""

    def __init__(
        self,
        name: str,
        prepare: Callable[[], Awaitable[Plan]],
        *,
        rhythm: Rhythm | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self.status: Status = "loading"
        self.reason: str | None = None
        self.restarts = 0
        self.pong: wire.Pong | None = None
        self._rhythm = rhythm or Rhythm()
        self._prepare = prepare
        self._sleep = sleep
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._pause_s = self._rhythm.first_pause_s
        self._crashes = 0
        self._moved = asyncio.Event()

    @property
    def client(self) -> EngineClient | None:
        """The connection to the child while it is ready."""
        return self._child.client if self._child is not None and self.status == "ready" else None

    @property
    def hello(self) -> wire.Hello | None:
        """What the running child said of its model."""
        return self._child.hello if self._child is not None else None

    def start(self) -> None:
        """Begin; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"engine {self.name}")
            self._task.add_done_callback(self._report_defect)

    async def close(self) -> None:
        """End the child and stop supervising."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # how it ended has been reported: closing goes on
            self._task = None
        self._set("down", "closed")

    async def until(self, status: Status) -> None:
        """Return once the status is `status`."""
        while self.status != status:
            self._moved.clear()
            await self._moved.wait()

    def _report_defect(self, task: asyncio.Task[None]) -> None:
        """Supervision ends with `close` only; if a defect of ours ends it, that must not look like loading."""
        if not task.cancelled():
            logger.error("engine %s: supervision ended", self.name, exc_info=task.exception())
            self._set("down", "internal error")

    async def _run(self) -> None:
        while True:
            self._set("loading", self.reason)
            try:
                plan = await self._prepare()
            except NotServableError as error:
                await self._give_up(str(error), error.file)
            else:
                await self._serve(plan)

    async def _serve(self, plan: Plan) -> None:
        try:
            child = await launch(plan.settings, load_s=self._rhythm.load_s)
        except LoadRefusedError as error:
            await self._give_up(str(error), plan.file)
        except LaunchError as error:
            self._crashes += 1
            if self._crashes < self._rhythm.crashes:
                await self._pause(str(error))
                return
            self._crashes = 0
            await self._give_up(f"{error} That happened {self._rhythm.crashes} times.", plan.file)
        else:
            self._crashes = 0
            await self._pause(f"The local engine stopped: {await self._live(child)}.")

    async def _live(self, child: Child) -> str:
        """Serve until the child ends or has to be ended; say why."""
        born = asyncio.get_running_loop().time()
        self._child = child
        self._set("ready", None)
        logger.info("engine %s: pid %d is ready, %s", self.name, child.process.pid, child.hello.description)
        try:
            return await self._end_of(child)
        finally:
            self._child, self.pong = None, None
            if asyncio.get_running_loop().time() - born > self._rhythm.healthy_s:
                self._pause_s = self._rhythm.first_pause_s

    async def _end_of(self, child: Child) -> str:
        silence = asyncio.create_task(heart.listen(child.client, self._rhythm.heartbeat, self._hear))
        death = asyncio.create_task(child.ended())
        try:
            await asyncio.wait({silence, death}, return_when=asyncio.FIRST_COMPLETED)
            if not child.client.lost.is_set() and silence.done():
                await child.kill()
                return silence.result()
            return await death
        except asyncio.CancelledError:
            death.cancel()
            await child.close()
            raise
        finally:
            silence.cancel()
            death.cancel()

    def _hear(self, pong: wire.Pong) -> None:
        self.pong = pong

    async def _pause(self, reason: str) -> None:
        """The child is dead: wait a little, longer each time, before the next one."""
        logger.warning("engine %s: %s Starting again in %.1f s.", self.name, reason, self._pause_s)
        self.restarts += 1
        self._set("down", reason)
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, self._rhythm.longest_pause_s)
        await self._sleep(pause_s)

    async def _give_up(self, reason: str, file: Snapshot | None) -> None:
        """Nothing helps but another file or, where the file could not even be fetched, another time."""
        logger.warning("engine %s: %s", self.name, reason)
        self._set("down", reason)
        if file is not None:
            await file.outdated(self._rhythm.poll_file_s, self._sleep)
        else:
            await self._sleep(self._rhythm.retry_s)
        self.reason = None

    def _set(self, status: Status, reason: str | None) -> None:
        self.status, self.reason = status, reason
        self._moved.set()
