"""Every provider that litellm knows.

The only file that imports litellm, and only once a model needs it: that takes about 5 seconds and 160 MB, so it happens
in a thread while everything else already serves.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module
from typing import Any

from router.backends.answers import spoken
from router.backends.base import TargetState
from router.backends.litellm_errors import translate
from router.backends.payload import PARAMS, token_limit
from router.backends.unheeded import unheeded, without_thinking
from router.chat import ChatRequest, Chunk, Event, Usage
from router.config import ModelConfig
from router.errors import RouterError, StreamInterrupted, UpstreamInvalid, UpstreamUnavailable

# Read by litellm at import: nothing is fetched from the network, and no .env is loaded.
ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
# By default litellm ends an answer that repeats one chunk 100 times.
REPETITION_LIMIT = 1_000_000_000
# At DEBUG these write prompts; litellm's own warnings can quote answers.
QUIET_LOGGERS = {
    "LiteLLM": logging.CRITICAL,
    "LiteLLM Proxy": logging.CRITICAL,
    "LiteLLM Router": logging.CRITICAL,
    "openai": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
}
# litellm reads `metadata` itself, and no hosted provider knows the others.
LITELLM_PARAMS = PARAMS - {"ignore_eos", "metadata", "min_p", "repeat_penalty"}
# What a provider may not know without the answer being wrong; any other parameter it lacks is refused with 400.
HINTS = frozenset(
    {
        "frequency_penalty", "presence_penalty", "prompt_cache_key", "reasoning_effort", "safety_identifier",
        "service_tier", "store", "top_k", "user", "verbosity",
    }
)  # fmt: skip
# litellm keeps its clients for the whole process: they are closed with the last backend, never under another one.
_open_backends: set["LitellmBackend"] = set()


class LitellmBackend:
    """One model of one provider. Every argument of a call is named here; retries are the dispatcher's."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._litellm: Any = None
        self._loading: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._allowed = LITELLM_PARAMS.union(config.forward_fields)
        self._reads_thinking = False

    @property
    def config(self) -> ModelConfig:
        """The model entry it serves."""
        return self._config

    async def start(self) -> None:
        """Begin to import litellm, in a thread."""
        if self._loading is None:
            _open_backends.add(self)
            self._loading = asyncio.create_task(self._load())

    async def close(self) -> None:
        """Wait for the import to end, since a thread cannot be stopped; the last one closes litellm's clients."""
        if self._loading is None:
            return
        await self._loading
        _open_backends.discard(self)
        if self._litellm is not None and not _open_backends:
            await self._litellm.close_litellm_async_clients()
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    def state(self) -> TargetState:
        """Loading until litellm is there."""
        if not self._config.model:
            return TargetState("missing", "no model")
        if self._failure is not None:
            return TargetState("down", self._failure)
        return TargetState("loading", "importing litellm") if self._litellm is None else TargetState("ready")

    def unheeded(self, request: ChatRequest) -> frozenset[str]:
        """What the provider does not know, as litellm tells it."""
        return unheeded(request, self._allowed, reads_thinking=self._reads_thinking)

    async def count_tokens(self, request: ChatRequest) -> int | None:  # noqa: ARG002 - the protocol's signature
        """None: most providers' tokenizers are out of reach."""
        return None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Call the provider; closing the generator closes its connection.

        Raises:
            RouterError: as the protocol says.
        """
        if self._litellm is None:
            raise UpstreamUnavailable(f"The target `{self._config.name}` is not started.")
        has_begun = False
        try:
            answer = await self._litellm.acompletion(**self._arguments(request))
            events = self._streamed(answer) if request.stream else self._whole(answer)
            async with aclosing(events):
                async for event in events:
                    has_begun = has_begun or isinstance(event, Chunk)
                    yield event
        except RouterError:
            raise
        except Exception as error:
            # Broad on purpose: litellm lets through whatever its providers' code raises.
            raise translate(error, self._config, has_begun=has_begun) from error

    async def _load(self) -> None:
        try:
            self._litellm = await asyncio.to_thread(_import_litellm)
            known = set(self._litellm.get_supported_openai_params(model=self._config.model) or HINTS)
            # Signed thoughts are Anthropic's, whoever hosts its models.
            self._reads_thinking = "thinking" in known and "claude" in (self._config.model or "").lower()
            thinking = {"thinking"} if self._reads_thinking else set()
            self._allowed = (LITELLM_PARAMS - (HINTS - known)).union(self._config.forward_fields, thinking)
        except (ImportError, OSError, ValueError, RuntimeError, AttributeError) as error:
            # A broken installation of it must not stop the other targets.
            self._failure = f"litellm cannot be used: {type(error).__name__}"

    def _arguments(self, request: ChatRequest) -> dict[str, object]:
        given = {name: value for name, value in request.params.items() if name in self._allowed and value is not None}
        key = self._config.api_key
        return {
            **given,
            "model": self._config.model,
            "messages": list(request.messages) if self._reads_thinking else without_thinking(request.messages),
            "max_tokens": token_limit(request, self._config),
            "stream": request.stream,
            "stream_options": {"include_usage": True} if request.stream else None,
            "api_key": key.value if key else None,
            "api_base": self._config.base_url,
            "base_url": None,
            "extra_headers": None,
            "timeout": self._config.clocks.total_s,
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": False,
        }

    async def _whole(self, answer: Any) -> AsyncGenerator[Event, None]:
        if not answer.choices:
            raise UpstreamInvalid(f"The target `{self._config.name}` sent a completion without a choice.")
        for choice in answer.choices:
            message = _plain(choice.message)
            yield Chunk(message, choice.index, choice.finish_reason, _logprobs(choice))
        usage = _usage(getattr(answer, "usage", None))
        if usage is not None:
            yield usage

    async def _streamed(self, answer: Any) -> AsyncGenerator[Event, None]:
        has_begun = False
        usage: Usage | None = None
        async with aclosing(answer):
            async for piece in answer:
                usage = _usage(getattr(piece, "usage", None)) or usage
                for choice in piece.choices:
                    delta = spoken(_plain(choice.delta))
                    if choice.finish_reason and not _is_finished(answer):
                        raise self._truncated(has_begun)
                    if delta or choice.finish_reason:
                        has_begun = True
                        yield Chunk(delta, choice.index, choice.finish_reason, _logprobs(choice))
        if not _is_finished(answer):
            raise self._truncated(has_begun)
        if usage is not None:
            yield usage

    def _truncated(self, has_begun: bool) -> RouterError:
        who = f"The target `{self._config.name}`"
        if has_begun:
            return StreamInterrupted(f"{who} ended its answer without a finish reason.", end="truncated")
        return UpstreamInvalid(f"{who} sent a stream without an answer.")


def _import_litellm() -> Any:
    os.environ.update(ENVIRONMENT)
    litellm: Any = import_module("litellm")
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = REPETITION_LIMIT
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_aiohttp_trust_env = True
    for name, level in QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(level)
    return litellm


def _is_finished(answer: Any) -> bool:
    # litellm makes up a final chunk with finish_reason "stop" when a stream merely ends; only these two tell the truth.
    return answer.received_finish_reason is not None or answer.intermittent_finish_reason is not None


def _plain(part: Any) -> dict[str, object]:
    fields: dict[str, object] = part.model_dump(exclude_none=True)
    fields.pop("provider_specific_fields", None)
    return fields


def _logprobs(choice: Any) -> dict[str, object] | None:
    logprobs: Any = getattr(choice, "logprobs", None)
    if logprobs is None:
        return None
    fields: dict[str, object] = logprobs if isinstance(logprobs, dict) else logprobs.model_dump()
    return fields


def _usage(raw: Any) -> Usage | None:
    if raw is None:
        return None
    prompt = getattr(raw, "prompt_tokens_details", None)
    completion = getattr(raw, "completion_tokens_details", None)
    usage = Usage(
        raw.prompt_tokens,
        raw.completion_tokens,
        cached_tokens=getattr(prompt, "cached_tokens", None) or 0,
        reasoning_tokens=getattr(completion, "reasoning_tokens", None) or 0,
        cache_write_tokens=getattr(prompt, "cache_creation_tokens", None) or 0,
        audio_tokens=getattr(prompt, "audio_tokens", None) or 0,
        audio_completion_tokens=getattr(completion, "audio_tokens", None) or 0,
        image_tokens=getattr(prompt, "image_tokens", None) or 0,
    )
    return usage if usage.is_credible else None
