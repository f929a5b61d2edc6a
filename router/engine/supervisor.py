"""Keeps one engine child alive: starts it, listens to its heart, starts it again, and gives up on a file that is bad.

loading ──> ready ──> down (it died; started again after a pause) ──> loading
   │          └─────> unloaded (idle, or another model needs the memory; a request loads it) ──> loading
   ├──────> unloaded (checked, and not needed yet)
   └──────> down (the model cannot be served; tried again when its file changes, or after a while) ──> loading
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

from router.engine import heart, vitals, wire
from router.engine.activity import Activity
from router.engine.budget import NoRoomError
from router.engine.client import EngineClient, LoadRefusedError
from router.engine.heart import Heartbeat
from router.engine.process import Child, LaunchError, launch
from router.engine.residence import Residence
from router.engine.settings import Settings
from router.engine.watch import Sleep, Snapshot
from router.errors import Overloaded, RouterError, UpstreamRefused

logger = logging.getLogger("shunt.engine")

Status: TypeAlias = Literal["loading", "ready", "down", "unloaded"]
NO_ROOM_S = 5.0


class NotServableError(Exception):
    """The model cannot be served. It is tried again once `file` changes or, without one, after `Rhythm.retry_s`."""

    def __init__(self, message: str, file: Snapshot | None = None) -> None:
        super().__init__(message)
        self.file = file


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start the child, the model's file as it was when it was checked, and the memory it will need (bytes)."""

    settings: Settings
    file: Snapshot
    need: int = 0


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
        residence: Residence | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self.status: Status = "loading"
        self.reason: str | None = None
        self.restarts = 0
        self.loads = 0
        self.pong: wire.Pong | None = None
        self._rhythm = rhythm or Rhythm()
        self._residence = residence or Residence()
        self.activity = Activity(self._residence.budget.clock)
        self._prepare = prepare
        self._sleep = sleep
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._pause_s = self._rhythm.first_pause_s
        self._crashes = 0
        self._moved = asyncio.Event()
        self._stays = self._residence.load == "start"
        self._is_asked_for = False
        self._dismissed = asyncio.Event()
        self._asked = asyncio.Event()
        self._waiting: set[asyncio.Future[EngineClient]] = set()

    @property
    def client(self) -> EngineClient | None:
        """The connection to the child while it is ready."""
        return self._child.client if self._child is not None and self.status == "ready" else None

    @property
    def hello(self) -> wire.Hello | None:
        """What the running child said of its model."""
        return self._child.hello if self._child is not None else None

    @property
    def takes_requests(self) -> bool:
        """True when `connect` would serve a request, at once or after loading the model for it."""
        return self.status in {"ready", "unloaded"} or (self.status == "loading" and self._is_asked_for)

    @property
    def memory_bytes(self) -> int:
        """What the child takes of the memory budget, as estimated before it was loaded."""
        return self._residence.budget.held(self)

    @property
    def idle_since(self) -> float | None:
        """When the child was last used; None while it is used, or not ready."""
        return None if self.activity.open or self.client is None else self.activity.last

    async def connect(self) -> EngineClient:
        """The connection to the child; a model that is not in memory is loaded first. Call it inside `activity.use`.

        Raises:
            UpstreamRefused: the model is down, or loading without having been asked for.
            Overloaded: the memory budget has no room for it now.
        """
        client = self.client
        if client is not None:
            return client
        if not self.takes_requests:
            raise UpstreamRefused(f"{self.name} is {self.status}.")
        waiting: asyncio.Future[EngineClient] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        self._asked.set()
        try:
            return await waiting
        finally:
            self._waiting.discard(waiting)

    def unload(self, reason: str | None = None) -> None:
        """Give the memory back. Nothing is lost: a request that comes from now on loads the model again."""
        self._stays = False
        self._set("unloaded", reason)
        self._dismissed.set()

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
                if self._stays or self._waiting:
                    await self._serve(plan)
                if not self._stays:
                    await self._rest()

    async def _rest(self) -> None:
        """Not in memory until a request asks for it."""
        if self.status != "unloaded":
            self._set("unloaded", self.reason)
        while not self._waiting:
            self._asked.clear()
            await self._asked.wait()
        self._is_asked_for = True
        self.reason = None

    async def _serve(self, plan: Plan) -> None:
        budget = self._residence.budget
        try:
            # At the start nobody is sent away: who comes first stays.
            async with budget.room(self, plan.need, may_evict=bool(self._waiting)):
                afterwards = await self._child_of(plan)
        except NoRoomError as error:
            logger.warning("engine %s: not loaded: %s", self.name, error)
            self._stays = False
            self._set("unloaded", str(error))
            self._refuse(Overloaded(f"{self.name} cannot be loaded now: {error}.", retry_after_s=NO_ROOM_S))
        else:
            if afterwards is not None:
                await afterwards()

    async def _child_of(self, plan: Plan) -> Callable[[], Awaitable[None]] | None:
        """One child from its start to its end; what to do then, once its memory is free: nothing if it was unloaded."""
        try:
            child = await launch(plan.settings, load_s=self._rhythm.load_s)
        except LoadRefusedError as error:
            return partial(self._give_up, str(error), plan.file)
        except LaunchError as error:
            self._crashes += 1
            if self._crashes < self._rhythm.crashes:
                return partial(self._pause, str(error))
            self._crashes = 0
            return partial(self._give_up, f"{error} That happened {self._rhythm.crashes} times.", plan.file)
        self._crashes = 0
        ending = await self._live(child)
        if ending is None:
            logger.info("engine %s: unloaded", self.name)
            return None
        return partial(self._pause, f"The local engine stopped: {ending}.")

    async def _live(self, child: Child) -> str | None:
        """Serve until the child ends or has to be ended; say why, None when it was unloaded."""
        born = asyncio.get_running_loop().time()
        self._child = child
        self._stays = True
        self.loads += 1
        self._dismissed.clear()
        self.activity.touch()
        self._set("ready", None)
        self._admit(child.client)
        logger.info("engine %s: pid %d is ready, %s", self.name, child.process.pid, child.hello.description)
        try:
            return await self._end_of(child)
        finally:
            self._child, self.pong = None, None
            if asyncio.get_running_loop().time() - born > self._rhythm.healthy_s:
                self._pause_s = self._rhythm.first_pause_s

    async def _end_of(self, child: Child) -> str | None:
        is_held_up = partial(vitals.is_held_up, child.process.pid)
        silence = asyncio.create_task(heart.listen(child.client, self._rhythm.heartbeat, self._hear, is_held_up))
        death = asyncio.create_task(child.ended())
        dismissal = asyncio.create_task(self._dismissed.wait())
        idleness = asyncio.create_task(self._watch_idleness())
        try:
            await asyncio.wait({silence, death, dismissal}, return_when=asyncio.FIRST_COMPLETED)
            if self._dismissed.is_set():
                death.cancel()
                await child.close()
                return None
            if not child.client.lost.is_set() and silence.done():
                await child.kill()
                return silence.result()
            return await death
        except asyncio.CancelledError:
            death.cancel()
            await child.close()
            raise
        finally:
            for task in (silence, death, dismissal, idleness):
                task.cancel()

    async def _watch_idleness(self) -> None:
        if self._residence.idle_s is not None:
            await self.activity.idle_for(self._residence.idle_s, self._sleep)
            self.unload()

    def _admit(self, client: EngineClient) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(client)

    def _refuse(self, error: RouterError) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(error)
        self._waiting.clear()

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
        if status in {"ready", "down"}:
            self._is_asked_for = False
        if status == "down":
            self._refuse(UpstreamRefused(f"{self.name} is down."))
        self._moved.set()
