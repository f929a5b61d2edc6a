"""The words of a sample of requests, kept where the policy file says `capture`, after their answers and without personal data.

Nothing here can hold a client up: it has its answer, personal data is looked for in a thread, and a request that finds too many
others there is not kept.
"""

import asyncio
import random
from collections.abc import Callable

from classifiers.conversation import user_text
from router.capture import CaptureSettings
from router.chat import ChatRequest
from router.dispatch.merge import Merged
from router.ledger.entry import Capture
from router.ledger.ledger import Ledger
from router.ledger.record import UsageRecord
from router.policy.decision import Facts
from router.policy.redaction import redacted
from router.shadow.comparison import first_of, words_of
from router.telemetry.metrics import Metrics

MAX_CHARS = 20_000
MAX_IN_FLIGHT = 8
DAY_S = 86_400.0


class Captures:
    """The requests whose words are kept by this process."""

    def __init__(self, ledger: Ledger, metrics: Metrics, draw: Callable[[], float] = random.random) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()

    def drawn(
        self, settings: CaptureSettings | None, policy: str, facts: Facts, request: ChatRequest
    ) -> CaptureSettings | None:
        """`settings` where they mean this request. From a hidden side call there is nothing to learn; `store: false` is heeded."""
        if settings is None or facts.side_call is not None or request.params.get("store") is False:
            return None
        is_meant = settings.policies is None or policy in settings.policies
        return settings if is_meant and self._draw() < settings.sample else None

    def keep(self, settings: CaptureSettings, request: ChatRequest, answer: Merged, record: UsageRecord) -> None:
        """Keep what was said, unless the answer is not whole; returns at once."""
        if record.outcome != "ok":
            return
        if len(self._tasks) >= MAX_IN_FLIGHT:
            self._metrics.aside.captured("dropped")
            return
        words = (user_text(request.messages)[:MAX_CHARS], words_of(first_of(answer))[:MAX_CHARS])
        task = asyncio.get_running_loop().create_task(self._write(settings, words, record))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._tasks)

    async def _write(self, settings: CaptureSettings, words: tuple[str, str], record: UsageRecord) -> None:
        prompt, answer = await asyncio.to_thread(lambda: tuple(map(redacted, words)))
        if prompt is None or answer is None:
            self._metrics.aside.captured("withheld")
            return
        until = record.at + settings.keep_days * DAY_S
        capture = Capture(record.request_id, record.at, record.key, record.policy, prompt, answer, until)
        self._metrics.aside.captured("kept" if self._ledger.note(capture) else "dropped")
