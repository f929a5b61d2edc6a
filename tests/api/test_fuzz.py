"""Whatever JSON comes to an endpoint: an answer, or that endpoint's own error that names the parameter. Never a 5xx.

2,000 bodies for each; `make fuzz` tries fifty times as many, and others each time.
"""

import copy
import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fakes.inside import Client

BATCH = 20
EXAMPLES = 100 * int(os.environ.get("SHUNT_FUZZ", "1"))

TURN = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}}
RESPONSE = {
    "model": "auto",
    "instructions": "Be brief.",
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"role": "assistant", "content": "Hi."},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "x"},
        {"type": "reasoning", "summary": []},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y"}]},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
    "reasoning": {"effort": "low"},
    "stream": True,
    "max_output_tokens": 16,
    "store": False,
    "metadata": {"a": "b"},
}
CHAT = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        TURN,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}]},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "logit_bias": {"5": 1},
    "stop": ["x"],
    "max_tokens": 5,
    "temperature": 0.5,
    "top_p": 1,
    "n": 2,
    "seed": 7,
    "logprobs": True,
    "top_logprobs": 2,
    "metadata": {"a": "b"},
    "user": "me",
    "zebra": 1,
}
BLOCKS = [
    {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}]},
]
COUNT = {
    "model": "auto",
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": BLOCKS},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "s"}]},
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"format": {"type": "json_schema", "schema": {}}},
}
MESSAGES = COUNT | {"max_tokens": 5, "stream": True, "stop_sequences": ["x"], "metadata": {"user_id": "me"}}
COMPLETION = {
    "model": "small", "prompt": ["Hello", [1, 2]], "n": 2, "logprobs": 2, "stop": "x", "stream": False, "seed": 3,
    "suffix": "", "best_of": 2, "max_tokens": 3, "temperature": 0, "logit_bias": {"1": 1}, "user": "me",
}  # fmt: skip
BODIES = {
    "/v1/chat/completions": CHAT,
    "/v1/route": CHAT,
    "/v1/responses": RESPONSE,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": COUNT,
    "/v1/completions": COMPLETION,
    "/v1/embeddings": {
        "model": "vectors",
        "input": ["a", [1]],
        "encoding_format": "float",
        "dimensions": 2,
        "user": "x",
    },
    "/v1/tokenize": {"model": "small", "prompt": "x", "add_special_tokens": False},
    "/v1/detokenize": {"model": "small", "tokens": [1, 2]},
    "/v1/feedback": {"request_id": "req_1", "thumbs": "up", "comment": "x"},
}
JUNK = st.sampled_from(
    [None, True, False, 0, -1, 1, 3, 2**40, 2**63, -(2**63) - 1, 0.5, -0.0, 1e300, "", "x", "auto", "small", "stop",
     "user", "assistant", "text", "none", "é\u0000\u2028", "a" * 600, [], [[]], [None], ["x"], [1], ["x", 1], {},
     {"": None}, {"type": "text"}, {"type": "function"}, {"type": "tool"}, {"name": "f"}, {"x": {"y": [{}]}},
     [{"type": "text", "text": None}], [{"role": "user"}], [{"role": "function", "name": "f", "content": "x"}]]
) | st.recursive(st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2), max_leaves=3)  # fmt: skip


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    """The way to everything inside `value`."""
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def holds(value: object, key: object) -> bool:
    """Whether there is something at `key`."""
    return key in value if isinstance(value, dict) else isinstance(value, list) and key in range(len(value))


def changed(body: dict, changes: list[tuple[tuple, object]]) -> dict:
    """A copy of `body` with other values at some places."""
    body = copy.deepcopy(body)
    for path, value in changes:
        inner = body
        for key in path[:-1]:
            inner = inner[key] if holds(inner, key) else None
        if isinstance(inner, dict) or holds(inner, path[-1]):
            inner[path[-1]] = copy.deepcopy(value)
    return body


def is_named(path: str, status: int, body: bytes) -> bool:
    """True for the endpoint's own error, which says where."""
    error = json.loads(body)
    if path.startswith("/v1/messages"):
        said = error["error"]
        return (
            set(error) == {"type", "error", "request_id"}
            and set(said) == {"type", "message"}
            and "`" in said["message"]
        ) or status == 404
    said = error["error"]
    return set(error) == {"error"} and set(said) == {"message", "type", "param", "code"} and bool(said["param"])


@pytest.mark.parametrize("path", BODIES)
def test_whatever_comes_is_answered_or_refused_by_name(client: Client, path: str):
    """A few values of a good body are exchanged for others, wherever they stand."""
    base = BODIES[path]
    where = st.sampled_from([*places(base), *[(name,) for name in ("functions", "function_call", "echo", "content")]])
    batches = st.lists(st.lists(st.tuples(where, JUNK), min_size=1, max_size=3), min_size=BATCH, max_size=BATCH)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(batches)
    def fuzz(batch) -> None:
        bodies = [json.dumps(changed(base, changes)).encode() for changes in batch]
        for body, answer in zip(bodies, client.send(path, bodies), strict=True):
            kind = answer.headers["content-type"].partition(";")[0]
            assert answer.status < 500, (body, answer)
            assert answer.body, body
            assert kind in {"application/json", "text/event-stream"}
            assert answer.status < 400 or is_named(path, answer.status, answer.body), (body, answer)

    fuzz()


@pytest.mark.parametrize("path", BODIES)
def test_a_good_body_is_answered(client: Client, path: str):
    """What is fuzzed is near to what is right."""
    body = BODIES[path]
    fixes = {"/v1/messages": {"thinking": None}, "/v1/completions": {"best_of": None}}.get(path, {})
    [answer] = client.send(path, [json.dumps(body | fixes).encode()])
    assert answer.status in {200, 202}, answer
