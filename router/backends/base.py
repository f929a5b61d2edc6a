"""What a target has to be able to do."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from router.chat import ChatRequest, Event
from router.config import ModelConfig


@dataclass(frozen=True, slots=True)
class TargetState:
    """`missing` means that nothing was configured for it (no key, no file): not a fault, and waiting will not help.

    `unloaded` is a local model that is not in memory: a request loads it. `takes_requests` says of one that is loading
    that requests wait for it, because one has asked for it already.
    """

    status: Literal["ready", "loading", "down", "missing", "unloaded"]
    reason: str | None = None
    takes_requests: bool = False

    @property
    def is_ready(self) -> bool:
        """True when a request may be sent now."""
        return self.status in {"ready", "unloaded"} or self.takes_requests


class Backend(Protocol):
    """One target of the policy file, alive for the life of the process."""

    @property
    def config(self) -> ModelConfig:
        """The model entry it serves."""

    async def start(self) -> None:
        """Begin to become ready; returns soon and never raises for a target that is down: `state` tells."""

    async def close(self) -> None:
        """Stop, and free what it holds."""

    def state(self) -> TargetState:
        """How the target is now, from memory."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Answer: chunks in order, one finish reason for each choice, then one `Usage` when the target tells it.

        Closing the generator stops the work, local or remote. Raises an `UpstreamError`, `BadRequest` or `Overloaded`;
        an answer that ends without a finish reason is `StreamInterrupted`.
        """

    def unheeded(self, request: ChatRequest) -> frozenset[str]:
        """The names of the request's fields that this target would leave out."""

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Exact length of the rendered prompt in tokens, or None where the target cannot tell."""
