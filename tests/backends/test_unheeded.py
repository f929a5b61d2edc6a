"""What a target leaves out of a request, by name."""

from dataclasses import replace

from router.backends.direct import DirectBackend
from router.backends.local import LocalBackend
from router.backends.local_request import messages_of
from router.config import Config
from tests.fakes.chats import chat, model

EVERYTHING = {
    "reasoning_effort": "high",
    "verbosity": "low",
    "prediction": {"type": "content", "content": "x"},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "web_search_options": {},
    "metadata": {"a": "b"},
    "store": True,
    "service_tier": "priority",
    "prompt_cache_key": "k",
}


def local() -> LocalBackend:
    entry = model("small", backend="llama.cpp")
    return LocalBackend(entry, Config(None, {"small": entry}, ("small",), {}, "auto"))


def test_a_local_model_names_what_means_nothing_to_it():
    """Whatever it does not read is named, what it reads is not."""
    heeded = {"temperature": 0.5, "seed": 7, "user": "me", "stop": ["x"], "logprobs": True, "top_k": 3}
    assert local().unheeded(chat(**EVERYTHING, **heeded)) == set(EVERYTHING)


def test_what_asks_for_nothing_is_not_named():
    """Text alone, no storing and the usual service are what it does anyhow."""
    assert local().unheeded(chat(modalities=["text"], store=False, service_tier="auto", metadata={})) == frozenset()


def test_another_models_thoughts_do_not_reach_a_local_one():
    """Reasoning and signatures of whoever answered before are left out and named; empty ones are not worth a name."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    foreign = {
        "reasoning_content": "Hm.",
        "reasoning_details": [{"signature": "s"}],
        "refusal": None,
        "annotations": [],
    }
    signed = {**call, "extra_content": {"google": {"thought_signature": "s"}}}
    request = replace(chat(), messages=({**said, **foreign, "tool_calls": [signed]},))
    assert messages_of(request) == [said]
    assert local().unheeded(request) == {"messages.reasoning_content", "messages.reasoning_details"}
    assert DirectBackend(model(base_url="http://127.0.0.1:1/v1")).unheeded(request) == frozenset()


def test_openai_is_spared_the_hints_of_other_servers():
    """It answers 400 to `top_k`, so that is left out and named; another server gets it."""
    hints = {"top_k": 5, "min_p": 0.1}
    assert DirectBackend(model(base_url="https://api.openai.com/v1")).unheeded(chat(**hints)) == set(hints)
    assert DirectBackend(model(base_url="http://127.0.0.1:1/v1")).unheeded(chat(**hints, **EVERYTHING)) == frozenset()
