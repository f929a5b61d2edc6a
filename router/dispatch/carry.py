"""Carries a decision out: attempts in the plan's order, retries, fallback before the first byte, never after it."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from router.chat import ChatRequest, Chunk, Event
from router.dispatch.clocks import TimedAnswer
from router.dispatch.doubt import Doubt, Signal
from router.dispatch.fleet import Fleet
from router.dispatch.health import is_blamed
from router.dispatch.retry import Again, MoveOn, Step, Stop, next_step
from router.dispatch.trace import Escalation, Fallback, OpenAttempt, Trace, outcome_of
from router.dispatch.verify import EscalatedError, verified
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
    fleet: Fleet,
    trace: Trace,
    effects: Effects = Effects(),
) -> AsyncGenerator[Event, None]:
    """The answer's events; closing the generator stops the work, local or remote.

    A streamed answer belongs to its target from its first chunk on: what fails later is `StreamInterrupted`. An answer
    that is not streamed reaches nobody before it is whole, so until then it may be asked for again or elsewhere.

    Raises:
        NoTargetAvailable: no target of the plan is ready, or all have been failing and still are.
        RouterError: the last failure, once nothing is left to try.
    """
    course = _Course(decision, fleet, trace, effects)
    is_out = False
    while True:
        doubt = course.doubt(request)
        events = course.events(_fitted(request, decision, course.target, doubt), doubt)
        whole: list[Event] = []
        try:
            async with aclosing(events):
                async for event in events:
                    if request.stream:
                        is_out = is_out or isinstance(event, Chunk)
                        yield event
                    else:
                        whole.append(event)
        except EscalatedError as given_up:
            course.escalate(given_up.signal, doubt, request)
        except RouterError as error:
            if is_out:
                raise
            await course.after(error)
        else:
            break
    for event in whole:
        yield event


def _fitted(request: ChatRequest, decision: Decision, target: str, doubt: Doubt | None) -> ChatRequest:
    """The request as `target` gets it: an adapter is that of the target it was chosen for, marks are for one in doubt."""
    if decision.adapter and target == decision.wanted:
        request = replace(request, adapter=decision.adapter)
    return request if doubt is None else replace(request, confidence_at=doubt.marks)


class _Course:
    """Where a request stands in its plan."""

    def __init__(self, decision: Decision, fleet: Fleet, trace: Trace, effects: Effects) -> None:
        self._decision = decision
        self._fleet = fleet
        self._health = fleet.health
        self._trace = trace
        self._effects = effects
        self._open: OpenAttempt | None = None
        self._left = list(decision.targets)
        self.target = self._left[0]
        ready = self._ready()
        if not ready:
            raise NoTargetAvailable("No target of the plan is ready.", retry_after_s=NO_TARGET_RETRY_S)
        self._is_last_resort = not self._health.admits(ready[0])
        self._take(ready[0], "shut" if fleet.backends[self.target].state().is_ready else "not_ready")

    def doubt(self, request: ChatRequest) -> Doubt | None:
        """What the current target's answer has to dispel; None where it is not checked."""
        terms = self._decision.verification
        is_checked = terms is not None and self.target == self._decision.target and not self._trace.escalations
        return Doubt(terms, request) if terms is not None and is_checked else None

    def events(self, request: ChatRequest, doubt: Doubt | None) -> AsyncGenerator[Event, None]:
        """One attempt at the current target; one in doubt raises `EscalatedError` when it is not good enough."""
        answer = self.attempt(request)
        return answer if doubt is None else verified(answer, doubt, request, self._may_escalate)

    def _may_escalate(self) -> bool:
        """True while there is somebody better to ask; the answer in doubt then ends as an escalation."""
        terms = self._decision.verification
        assert terms is not None and self._open is not None  # noqa: S101, PT018 - nothing else is in doubt
        is_well = self._fleet.backends[terms.escalate_to].state().is_ready and self._health.admits(terms.escalate_to)
        self._open.is_escalated = is_well
        return is_well

    def escalate(self, signal: Signal, doubt: Doubt | None, request: ChatRequest) -> None:
        """Go on at the better target; the one that was given up stays as the last resort, and is not checked again."""
        terms, source = self._decision.verification, self.target
        assert terms is not None and doubt is not None  # noqa: S101, PT018 - nothing else is escalated
        usage = doubt.usage or request.bill.usage
        self._trace.escalations.append(Escalation(source, terms.escalate_to, signal, usage, doubt.pieces))
        self._trace.served_by = terms.escalate_to
        self._left = [name for name in self._left if name != terms.escalate_to] + [source]
        self._begin_at(terms.escalate_to)

    @property
    def has_begun(self) -> bool:
        """True once the first chunk of the current attempt is out."""
        return self._open is not None and self._open.has_begun

    async def attempt(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """One attempt at the current target, timed and recorded."""
        target, clock = self._fleet.backends[self.target], self._effects.clock
        request.bill.usage = None
        answer = target.stream(request)
        timed = TimedAnswer(answer, request, target.config.clocks, self._ends_at)
        with (
            self._trace.attempt(self.target, clock) as self._open,
            self._health.attempt(self.target, is_first=self._tries == 1) as watch,
        ):
            try:
                async with aclosing(answer):
                    while (event := await timed.next()) is not None:
                        if self._open.ttft_s is None and isinstance(event, Chunk):
                            self._begin(self._open, request)
                            watch.begun()
                        yield event
            except RouterError as error:
                raise self._seen_by_client(error) from error
            finally:
                timed.stop()

    def _begin(self, attempt: OpenAttempt, request: ChatRequest) -> None:
        attempt.ttft_s = self._effects.clock() - attempt.started
        self._trace.served_by = self.target
        if request.stream:
            self._health.first_token(self.target, attempt.ttft_s)

    def _seen_by_client(self, error: RouterError) -> RouterError:
        if not self.has_begun or isinstance(error, StreamInterrupted):
            return error
        return StreamInterrupted(error.message)

    async def after(self, error: RouterError) -> None:
        """Wait or move on as the rules say.

        Raises:
            RouterError: `error` itself, when it is the answer.
            NoTargetAvailable: every target was shut, and asking one all the same was in vain.
        """
        rest = self._ready()
        match self._step(error, rest):
            case Again(least_s, spread_s):
                self._tries += 1
                await self._effects.sleep(least_s + spread_s * self._effects.draw())
            case MoveOn(position):
                self._take(rest[position], outcome_of(error))
            case Stop():
                raise self._final(error) from error

    def _step(self, error: RouterError, rest: list[str]) -> Step:
        here = self._fleet.backends[self.target].config
        others = [self._fleet.backends[name].config for name in rest]
        step = next_step(error, self._tries, here, others)
        if isinstance(step, Again) and (self._health.is_open(self.target) or not self._health.may_retry(self.target)):
            return next_step(error, here.retries + 1, here, others)
        return step

    def _final(self, error: RouterError) -> RouterError:
        if not (self._is_last_resort and is_blamed(error)):
            return error
        wait_s = self._health.wait_s(self.target)
        return NoTargetAvailable("Every target has been failing, and still is.", retry_after_s=wait_s)

    def _ready(self) -> list[str]:
        """What can be asked next, in the plan's order, those that are shut last: with nobody else left they are asked.

        A target that was passed over because it was shut stays; one that was asked does not.
        """
        ready = [name for name in self._left if self._fleet.backends[name].state().is_ready]
        return sorted(ready, key=lambda name: not self._health.admits(name))

    def _take(self, target: str, reason: str) -> None:
        if target != self.target:
            self._trace.fallbacks.append(Fallback(self.target, target, reason))
        self._left.remove(target)
        self._begin_at(target)

    def _begin_at(self, target: str) -> None:
        self.target = target
        self._trace.left = len(self._left)
        self._tries = 1
        total_s = self._fleet.backends[target].config.clocks.total_s
        self._ends_at = asyncio.get_running_loop().time() + total_s
