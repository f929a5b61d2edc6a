"""One accepted request for vectors: decided by the guards alone, answered by one local model, recorded exactly once."""

import asyncio
import time
from collections.abc import Mapping, MutableMapping

from router import policy
from router.backends.local import LocalBackend
from router.chat import EmbeddingRequest, Usage
from router.config import ModelConfig
from router.errors import BadRequest, UpstreamTimeout
from router.exchange import Accounted
from router.limits.ticket import Ticket
from router.policy.client import client_of
from router.policy.decision import Facts
from router.policy.entitlement import seen_by
from router.policy.routes import resolve_model
from router.policy.words import Words
from router.runtime import Runtime, Verdict


def decide_embedding(
    runtime: Runtime, request: EmbeddingRequest, headers: Mapping[str, str], ticket: Ticket
) -> Verdict:
    """The model that was asked for by name, if it embeds and the guards allow it.

    Vectors of two models cannot be compared, so no policy chooses one and none takes over from another.

    Raises:
        RouterError: nothing may answer; the error says why.
    """
    started = time.perf_counter()
    model = resolve_model(runtime.config, request.model)
    if not isinstance(model, ModelConfig) or "embeddings" not in model.can:
        raise BadRequest("Ask by name for a model that can do embeddings.", param="model")
    if model.backend != "llama.cpp":
        raise BadRequest(f"Embeddings come from local models only, and {model.name} is none.", param="model")
    # No length: it bounds each text by itself, and the engine knows the texts' tokens.
    facts = Facts(
        headers=headers,
        needs=frozenset({"embeddings"}),
        prompt_tokens=0,
        model=request.model,
        client=client_of(headers),
        words=_words(request),
        at=time.time(),
    )
    facts = seen_by(runtime.config, ticket, facts)
    decision = policy.decide(runtime.config, request.model, facts, None, runtime.states())
    runtime.metrics.decided(decision, time.perf_counter() - started)
    return Verdict(decision, facts, "", ticket=ticket)


def _words(request: EmbeddingRequest) -> Words | None:
    """What the inputs say; of token ids nobody knows."""
    texts = [text for text in request.inputs if isinstance(text, str)]
    return Words(beside=texts) if len(texts) == len(request.inputs) else None


class EmbeddingExchange(Accounted):
    """The life of one request for vectors after its decision."""

    route = "embeddings"

    def __init__(
        self, runtime: Runtime, request: EmbeddingRequest, verdict: Verdict, answer_headers: MutableMapping[str, str]
    ) -> None:
        super().__init__(runtime, request, verdict, answer_headers)
        self.request = request

    @property
    def baseline(self) -> str:
        """The target itself: no chat model could have answered instead, so nothing is saved."""
        return self.target

    async def vectors(self) -> list[bytes]:
        """One vector for each input, in order, as little-endian float32.

        Raises:
            RouterError: the model refused the request or failed.
        """
        backend = self._runtime.targets[self.target]
        assert isinstance(backend, LocalBackend)  # noqa: S101 - decide_embedding has seen to it
        with self.trace.attempt(self.target, time.perf_counter):
            try:
                async with asyncio.timeout(backend.config.clocks.total_s):
                    answer = await backend.embed(self.request)
            except TimeoutError as error:
                raise UpstreamTimeout(f"The target `{self.target}` did not answer in time.") from error
        self.trace.served_by = self.target
        self._usage = Usage(answer.prompt_tokens, 0)
        return answer.vectors
