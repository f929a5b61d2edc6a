"""What travels to a target, and under which name."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.schema import PARAM_FIELDS
from router.backends.payload import PARAMS, chat_body, token_limit
from tests.fakes.chats import chat, model

OPENAI = "https://api.openai.com/v1"
VLLM = "http://127.0.0.1:8000/v1"


def test_the_border_and_the_wire_know_the_same_parameters() -> None:
    """A parameter that the HTTP border accepts is one that a target may get, and the other way round."""
    assert PARAM_FIELDS == PARAMS


@pytest.mark.parametrize(("base_url", "name"), [(OPENAI, "max_completion_tokens"), (VLLM, "max_tokens")])
def test_the_cap_goes_by_the_name_that_the_server_knows(base_url: str, name: str) -> None:
    """OpenAI's newer models know `max_completion_tokens` only, other servers `max_tokens`."""
    sent = msgspec.json.decode(chat_body(chat(max_tokens=7), model(base_url=base_url)))
    assert {name: 7} == {key: value for key, value in sent.items() if key.startswith("max_")}


def test_hints_for_local_servers_stay_off_openai() -> None:
    """OpenAI answers 400 to sampling hints that vLLM and llama-server know, so it does not get them."""
    request = chat(top_k=40, min_p=0.1, repeat_penalty=1.1, ignore_eos=True, top_p=0.9)
    sent = {url: msgspec.json.decode(chat_body(request, model(base_url=url))) for url in (OPENAI, VLLM)}
    assert ("top_k" in sent[OPENAI], sent[OPENAI]["top_p"]) == (False, 0.9)
    assert (40, 0.1, 1.1, True) == tuple(
        sent[VLLM][name] for name in ("top_k", "min_p", "repeat_penalty", "ignore_eos")
    )


@pytest.mark.parametrize(("asked", "sent"), [(None, None), (100, 100), (8191, 8191), (8192, None), (32000, None)])
def test_a_cap_beyond_the_window_is_no_cap(asked: int | None, sent: int | None) -> None:
    """Asking for at least the whole window asks for as much as there is; some servers refuse it literally."""
    assert sent == token_limit(chat(max_tokens=asked), model(context=8192))


@given(name=st.text(min_size=1, max_size=20), value=st.one_of(st.integers(-100, 100), st.text(max_size=5)))
def test_no_name_slips_through(name: str, value: object) -> None:
    """Whatever a parameter is called, it travels only if it is on the list, and it never replaces one of our fields."""
    sent = msgspec.json.decode(chat_body(chat(**{name: value}), model(base_url=VLLM)))
    assert set(sent) <= PARAMS | {"model", "messages", "stream"}
    assert ("large-1", False) == (sent["model"], sent["stream"])
