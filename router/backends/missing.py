"""The target that nothing in the environment configures: known by name, never ready."""

from collections.abc import AsyncGenerator

from router.backends.base import TargetState
from router.chat import ChatRequest, Event
from router.config import ModelConfig
from router.errors import UpstreamUnavailable


class MissingBackend:
    """Stands where a model would be, so that a decision can say why it is not."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._reason = config.missing or "not configured"

    @property
    def config(self) -> ModelConfig:
        """The model entry it stands for."""
        return self._config

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    def state(self) -> TargetState:
        """Missing, with the reason that the configuration gives."""
        return TargetState("missing", self._reason)

    def unheeded(self, request: ChatRequest) -> frozenset[str]:  # noqa: ARG002 - the protocol's signature
        """Nothing: it answers nothing either."""
        return frozenset()

    async def count_tokens(self, request: ChatRequest) -> int | None:  # noqa: ARG002 - the protocol's signature
        """None: there is no tokenizer."""
        return None

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:  # noqa: ARG002 - as above
        """Answer nothing.

        Raises:
            UpstreamUnavailable: always.
        """
        return _fail(UpstreamUnavailable(f"The target `{self._config.name}` is not configured: {self._reason}."))


async def _fail(error: Exception) -> AsyncGenerator[Event, None]:
    nothing: tuple[Event, ...] = ()
    for event in nothing:
        yield event
    raise error
