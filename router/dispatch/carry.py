"""Carries a decision out: attempts in the plan's order, retries, fallback before the first byte, never after it."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from router.backends.base import Backend
from router.chat import ChatRequest, Chunk, Event
from router.dispatch.clocks import TimedAnswer
from router.dispatch.retry import Again, MoveOn, Stop, next_step
from router.dispatch.trace import Fallback, OpenAttempt, Trace, outcome_of
from router.errors import NoTargetAvailable, RouterError, StreamInterrupted
from router.policy.decision import Decision

NO_TARGET_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Effects:
    """What a test replaces: how to wait (seconds), what time it is (seconds), and a draw from [0, 1)."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    clock: Callable[[], float] = time.perf_counter
    draw: Callable[[], float] = random.random


async def carry_out(
    decision: Decision,
    request: ChatRequest,
    targets: Mapping[str, Backend],
    trace: Trace,
    effects: Effects = Effects(),
) -> AsyncGenerator[Event, None]:
    """The answer's events; closing the generator stops the work, local or remote.

    A streamed answer belongs to its target from its first chunk on: what fails later is `StreamInterrupted`. An answer
    that is not streamed reaches nobody before it is whole, so until then it may be asked for again or elsewhere.

    Raises:
        NoTargetAvailable: no target of the plan is ready.
        RouterError: the last failure, once nothing is left to try.
    """
    course = _Course([targets[name] for name in decision.targets], trace, effects)
    while True:
        events = course.attempt(_adapted(request, decision, course.target))
        whole: list[Event] = []
        try:
            async with aclosing(events):
                async for event in events:
                    if request.stream:
                        yield event
                    else:
                        whole.append(event)
        except RouterError as error:
            if request.stream and course.has_begun:
                raise
            await course.after(error)
        else:
            break
    for event in whole:
        yield event


def _adapted(request: ChatRequest, decision: Decision, target: str) -> ChatRequest:
    """The request as `target` gets it: an adapter is that of the target it was chosen for."""
    return replace(request, adapter=decision.adapter) if decision.adapter and target == decision.wanted else request


class _Course:
    """Where a request stands in its plan."""

    def __init__(self, plan: list[Backend], trace: Trace, effects: Effects) -> None:
        self._plan = plan
        self._trace = trace
        self._effects = effects
        self._open: OpenAttempt | None = None
        ready = [at for at, target in enumerate(plan) if target.state().is_ready]
        if not ready:
            raise NoTargetAvailable("No target of the plan is ready.", retry_after_s=NO_TARGET_RETRY_S)
        self._take(ready[0], "not_ready", since=0)

    @property
    def target(self) -> str:
        """The name of the target that is tried now."""
        return self._plan[self._position].config.name

    @property
    def has_begun(self) -> bool:
        """True once the first chunk of the current attempt is out."""
        return self._open is not None and self._open.has_begun

    async def attempt(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """One attempt at the current target, timed and recorded."""
        target = self._plan[self._position]
        clock = self._effects.clock
        request.bill.usage = None
        answer = target.stream(request)
        timed = TimedAnswer(answer, request, target.config.clocks, self._ends_at)
        with self._trace.attempt(target.config.name, clock) as self._open:
            try:
                async with aclosing(answer):
                    while (event := await timed.next()) is not None:
                        if self._open.ttft_s is None and isinstance(event, Chunk):
                            self._open.ttft_s = clock() - self._open.started
                            self._trace.served_by = target.config.name
                        yield event
            except RouterError as error:
                raise self._seen_by_client(error) from error
            finally:
                timed.stop()

    def _seen_by_client(self, error: RouterError) -> RouterError:
        if not self.has_begun or isinstance(error, StreamInterrupted):
            return error
        return StreamInterrupted(error.message)

    async def after(self, error: RouterError) -> None:
        """Wait or move on as the rules say.

        Raises:
            RouterError: `error` itself, when it is the answer.
        """
        rest = [at for at in range(self._position + 1, len(self._plan)) if self._plan[at].state().is_ready]
        here = self._plan[self._position].config
        match next_step(error, self._tries, here, [self._plan[at].config for at in rest]):
            case Again(least_s, spread_s):
                self._tries += 1
                await self._effects.sleep(least_s + spread_s * self._effects.draw())
            case MoveOn(position):
                self._take(rest[position], outcome_of(error), since=self._position)
            case Stop():
                raise error

    def _take(self, position: int, reason: str, *, since: int) -> None:
        if position != since:
            names = [self._plan[at].config.name for at in (since, position)]
            self._trace.fallbacks.append(Fallback(names[0], names[1], reason))
        self._position = position
        self._tries = 1
        self._ends_at = asyncio.get_running_loop().time() + self._plan[position].config.clocks.total_s
