"""The requests that are answered once more: sampled, bounded in number and in money, compared, and written down.

Nothing here can hold a client up: it has its answer before a copy is even looked at, a copy that finds too many others
before it is dropped, and so is one whose local model has somebody waiting. What fails is counted and nothing else.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from router.backends.local import LocalBackend
from router.chat import EmbeddingRequest
from router.config import Policy, Shadow
from router.errors import QuotaExceeded, RouterError
from router.policy.decision import Facts
from router.shadow.comparison import cosine, exact, first_of, words_of
from router.shadow.copy import MAX_PROMPT_CHARS, Copy
from router.shadow.hop import Hop, Means
from router.shadow.judge import scores_in
from router.shadow.label import Label, Labels
from router.shadow.purse import Purse

MAX_IN_FLIGHT = 4

logger = logging.getLogger("shunt.shadow")

Scores = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a test replaces: a draw from [0, 1), and the time in Unix seconds."""

    draw: Callable[[], float] = random.random
    clock: Callable[[], float] = time.time


class Shadows:
    """All the copies of one process; a reload keeps them, and what was spent today."""

    def __init__(self, state_dir: Path, effects: Effects = Effects()) -> None:
        self.labels = Labels(state_dir)
        self._effects = effects
        self._purse = Purse(effects.clock, self.labels.spent_usd)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pruned = ""
        self._is_closing = False

    @property
    def in_flight(self) -> int:
        """Copies under way."""
        return len(self._tasks)

    def drawn(self, policy: Policy | None, facts: Facts) -> Shadow | None:
        """How this request is to be answered once more, if it is. From a hidden side call there is nothing to learn."""
        shadow = None if policy is None else policy.shadow
        if shadow is None or facts.side_call is not None or self._effects.draw() >= shadow.sample:
            return None
        return shadow

    def offer(self, copy: Copy, means: Means) -> None:
        """Answer `copy` once more, unless something speaks against it; returns at once and never raises."""
        target = copy.target
        if target is None or copy.record.outcome != "ok":
            return
        hop = copy.hop(target)
        objection = self._objection(copy, hop, means)
        if objection is not None:
            means.metrics.aside.shadowed(objection)
            return
        aside_usd = _worst_usd(copy, hop, means)
        if aside_usd is None or not self._purse.take(copy.record.policy, aside_usd, copy.shadow.max_usd_per_day):
            means.metrics.aside.shadowed("unpriced" if aside_usd is None else "over_budget")
            return
        task = asyncio.get_running_loop().create_task(self._run(copy, hop, means, aside_usd))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Drop what is under way; what it has cost until now is written down."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _objection(self, copy: Copy, hop: Hop, means: Means) -> str | None:
        if len(self._tasks) >= MAX_IN_FLIGHT or self._is_closing:
            return "busy"
        if not copy.may_go(means.config, hop.target):
            return "guarded"
        wanted = [hop.target, *(name for name in (copy.shadow.judge, copy.shadow.embedder) if name is not None)]
        return None if all(_is_free(means, name) for name in wanted) else "busy"

    async def _run(self, copy: Copy, hop: Hop, means: Means, aside_usd: float) -> None:
        judged: list[Hop] = []
        result, scores = "failed", None
        # It is nobody's request: of the budgets those of everybody count.
        ticket = means.quotas.ticket()
        try:
            await ticket.reserve(aside_usd, 0)
            await hop.ask(means)
            scores = await self._scores(copy, hop, means, judged)
            result = "compared" if scores is not None else "unjudged"
        except QuotaExceeded:
            result = "over_budget"
        except RouterError:
            pass  # counted as failed, and the ledger has its record
        finally:
            means.metrics.aside.shadowed(result)
            if scores is not None:
                means.metrics.aside.agreed(min(scores))
            costs = [one.cost_usd for one in (hop, *judged)]
            spent_usd = sum(cost for cost in costs if cost is not None)
            ticket.settle(spent_usd, 0)
            ticket.close()
            self._purse.settle(copy.record.policy, aside_usd, spent_usd)
            self._write(copy, hop, scores, (spent_usd, means.artifact))

    async def _scores(self, copy: Copy, hop: Hop, means: Means, judged: list[Hop]) -> Scores | None:
        """How good the client's answer was and the second one, each from 0 to 1; None where nobody can tell."""
        served, second = first_of(copy.answer), first_of(hop.answer)
        if copy.shadow.compare == "judge":
            return await self._by_judge(copy, words_of(second), means, judged)
        if copy.shadow.compare == "similarity":
            alike = await _similarity(means, copy.shadow.embedder or "", words_of(served), words_of(second))
        else:
            alike = exact(served, second)
        return (1.0, alike) if _is_reference(means, copy, hop.target) else (alike, 1.0)

    async def _by_judge(self, copy: Copy, second: str, means: Means, judged: list[Hop]) -> Scores | None:
        is_swapped = self._effects.draw() < 0.5
        hop = copy.judgement(means.config, second, is_swapped=is_swapped)
        if not copy.may_be_judged(means.config, hop):
            return None
        judged.append(hop)
        scores = scores_in(words_of(first_of(await hop.ask(means))))
        return scores[::-1] if scores is not None and is_swapped else scores

    def _write(self, copy: Copy, hop: Hop, scores: Scores | None, about: tuple[float, str]) -> None:
        spent_usd, artifact = about
        if scores is None and not spent_usd:
            return
        of = copy.record
        label = Label(
            request_id=of.request_id,
            at=self._effects.clock(),
            policy=of.policy,
            rule=of.rule,
            served=of.target,
            shadow=hop.target,
            usd=spent_usd,
            compare=copy.shadow.compare,
            score=of.score,
            task=of.task,
            served_score=scores and scores[0],
            shadow_score=scores and scores[1],
            served_usd=of.cost_usd,
            shadow_usd=hop.cost_usd,
            artifact=artifact,
            prompt=copy.prompt[:MAX_PROMPT_CHARS] if copy.shadow.keeps_prompts and scores is not None else None,
        )
        try:
            self.labels.append(label)
            self._prune(label.at, copy.shadow.keep_days)
        except OSError as error:
            logger.warning("a label could not be written: %s", error.strerror)

    def _prune(self, now: float, keep_days: int) -> None:
        today = time.strftime("%Y-%m-%d", time.gmtime(now))
        if today != self._pruned:
            self._pruned = today
            self.labels.forget(now, keep_days)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a copy in the shadow ended with %s", type(error).__name__)


def _worst_usd(copy: Copy, hop: Hop, means: Means) -> float | None:
    """What the copy can cost at most, its judge included; None where nobody knows a price."""
    answer_usd = hop.worst_usd(means)
    if copy.shadow.compare != "judge" or answer_usd is None:
        return answer_usd
    judge_usd = copy.longest_judgement(means.config, hop).worst_usd(means)
    return None if judge_usd is None else answer_usd + judge_usd


def _is_free(means: Means, name: str) -> bool:
    """True when the model can be asked without anybody waiting for it: a local one must be in memory and have no queue."""
    backend = means.fleet.backends[name]
    if backend.state().status != "ready" or not means.fleet.health.admits(name):
        return False
    return not isinstance(backend, LocalBackend) or backend.stats().queued == 0


def _is_reference(means: Means, copy: Copy, second: str) -> bool:
    """True when the client's answer is what the other one is held against: that of the higher tier is."""
    tiers = means.config.tiers
    served = copy.record.target
    return served in tiers and second in tiers and tiers.index(served) > tiers.index(second)


async def _similarity(means: Means, embedder: str, one: str, other: str) -> float:
    """The cosine of the two texts' vectors; a text that is empty is like nothing but another one."""
    if not one.strip() or not other.strip():
        return 1.0 if one.strip() == other.strip() else 0.0
    backend = means.fleet.backends[embedder]
    if not isinstance(backend, LocalBackend):
        raise TypeError("the policy file's check lets local embedding models alone through")
    vectors = (await backend.embed(EmbeddingRequest(embedder, (one, other)))).vectors
    return cosine(vectors[0], vectors[1])
