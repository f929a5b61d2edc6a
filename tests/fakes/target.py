"""A target that lives in the test: it plays what it is told and remembers how it was treated."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from router.backends.base import TargetState
from router.chat import ChatRequest, Event
from router.config import ModelConfig
from router.errors import RouterError
from tests.fakes.chats import model

Step = Event | RouterError | Callable[[], Awaitable[object]]


class FakeTarget:
    """Each request plays the next of `plays`: events are yielded, errors raised, coroutine functions awaited."""

    def __init__(
        self, name: str, *plays: Iterable[Step], config: ModelConfig | None = None, status: str = "ready"
    ) -> None:
        self._config = config or model(name)
        self.plays = list(plays)
        self.status = status
        self.calls = 0
        self.closed = 0

    @property
    def config(self) -> ModelConfig:
        """Its entry."""
        return self._config

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    def state(self) -> TargetState:
        """Whatever `status` says."""
        return TargetState(self.status)

    def unheeded(self, request: ChatRequest) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """None."""
        return None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Play."""
        self.calls += 1
        try:
            for step in self.plays.pop(0):
                if isinstance(step, RouterError):
                    raise step
                if callable(step):
                    await step()
                else:
                    yield step
        finally:
            self.closed += 1
