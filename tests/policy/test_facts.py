"""What is known of a request without reading its meaning."""

import pytest

from router.chat import ChatRequest, Json
from router.config import ModelConfig
from router.policy.facts import facts_of, needs_count


def chat(*messages: Json, **params: object) -> ChatRequest:
    return ChatRequest("auto", messages, None, stream=False, include_usage=False, params=params)


def user(content: object) -> Json:
    return {"role": "user", "content": content}


def image(url: str = "data:image/png;base64,AAAA") -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (chat(user("hi")), {"chat"}),
        (chat(user([{"type": "text", "text": "hi"}, image()])), {"chat", "vision"}),
        (chat(user([{"type": "input_audio", "input_audio": {}}])), {"chat", "audio"}),
        (chat(user("hi"), modalities=["text", "audio"]), {"chat", "audio"}),
        (chat(user("hi"), tools=[{"type": "function"}]), {"chat", "tools"}),
        (chat(user("hi"), tools=[]), {"chat"}),
        (chat(user("hi"), response_format={"type": "json_object"}), {"chat", "json"}),
        (chat(user("hi"), response_format={"type": "json_schema"}), {"chat", "json"}),
        (chat(user("hi"), response_format={"type": "text"}), {"chat"}),
    ],
)
def test_needs_are_read_off_the_request(request_: ChatRequest, expected: set[str]):
    """Images, sound, tools and JSON are needs; plain text needs nothing but chat."""
    assert expected == facts_of(request_, {}).needs


def test_turns_and_headers_are_passed_on():
    """Only the user's turns count."""
    found = facts_of(chat({"role": "system", "content": "x"}, user("a"), {"role": "assistant"}, user("b")), {"h": "v"})
    assert (2, {"h": "v"}, None) == (found.turns, dict(found.headers), found.side_call)


def test_the_estimate_counts_everything_that_is_rendered():
    """Text parts, tool calls and tool descriptions make a prompt longer; bytes count, not characters."""
    short = facts_of(chat(user("hi")), {}).prompt_tokens
    longer = [
        chat(user("hi" * 100)),
        chat(user([{"type": "text", "text": "hi" * 100}])),
        chat(
            user("hi"), {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": "x" * 200}}]}
        ),
        chat(user("hi"), tools=[{"description": "x" * 200}]),
        chat(user("界" * 70)),
    ]
    assert [facts_of(request, {}).prompt_tokens > short + 50 for request in longer] == [True] * 5


@pytest.mark.parametrize(
    ("size", "window", "expected"), [(10, 0, False), (10, 4096, False), (5000, 4096, True), (400_000, 4096, False)]
)
def test_only_a_prompt_near_the_window_is_counted(size: int, window: int, expected: bool):
    """A prompt that surely fits, or surely does not, costs no tokenizer call."""
    model = ModelConfig("m", "llama.cpp", "local", frozenset({"chat"}), window)
    assert expected == needs_count(chat(user("x" * size)), model)
