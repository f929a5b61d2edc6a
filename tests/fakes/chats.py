"""Requests and model entries for tests."""

from dataclasses import replace

from router.chat import ChatRequest, Chunk, Event, Usage
from router.config import Clocks, ModelConfig, Secret

QUICK = Clocks(connect_s=5.0, first_token_s=5.0, idle_s=5.0, total_s=20.0)


def chat(
    text: str = "say something nice", *, stream: bool = False, max_tokens: int | None = None, **params
) -> ChatRequest:
    """A chat request of one user turn."""
    messages = ({"role": "user", "content": text},)
    return ChatRequest("auto", messages, max_tokens, stream, True, params, "req-1")


def model(name: str = "large", base_url: str | None = None, *, key: str | None = None, **fields) -> ModelConfig:
    """An entry for an OpenAI-compatible server."""
    entry = ModelConfig(
        name=name,
        backend="openai",
        zone="cloud",
        can=frozenset({"chat"}),
        context=8192,
        clocks=QUICK,
        base_url=base_url,
        model="large-1",
        api_key=Secret("LARGE_KEY", key) if key else None,
    )
    return replace(entry, **fields)


def text_of(events: list[Event]) -> str:
    """The text of every chunk, in order."""
    return "".join(event.delta.get("content") or "" for event in events if isinstance(event, Chunk))


def usage_of(events: list[Event]) -> Usage | None:
    """The usage among `events`."""
    return next((event for event in events if isinstance(event, Usage)), None)


def finish_of(events: list[Event]) -> list[str]:
    """Every finish reason, in order."""
    return [event.finish_reason for event in events if isinstance(event, Chunk) and event.finish_reason]
