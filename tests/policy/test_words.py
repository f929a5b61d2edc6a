"""What a request says: every word that would be sent is found, in whatever shape it comes."""

import pytest

from router.chat import ChatRequest
from router.policy.facts import facts_of

SECRET = "orion"


def said(*messages: dict[str, object], **params: object) -> str:
    request = ChatRequest("auto", messages, None, stream=False, include_usage=False, params=params)
    words = facts_of(request, {}).words
    assert words is not None
    return words.text("all")


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": SECRET},
        {"role": "user", "content": [{"type": "text", "text": SECRET}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": f'{{"a":"{SECRET}"}}'}}]},
        {"role": "tool", "content": SECRET, "tool_call_id": "1"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x.example/{SECRET}"}}]},
        {"role": "user", "content": "o\u200br\u00adion"},
    ],
    ids=["system", "part", "call", "result", "address", "invisible"],
)  # fmt: skip
def test_all_is_all_that_would_be_sent(message: dict[str, object]):
    """Instructions, parts, tool calls, results and addresses leave like any other text."""
    assert SECRET in said(message)


def test_tools_are_read_too():
    """The description of a tool is sent with the request."""
    assert SECRET in said({"role": "user", "content": "hi"}, tools=[{"function": {"description": SECRET}}])


def test_pictures_are_not_text():
    """Base64 is skipped: its letters mean nothing."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,orion"}}
    sound = {"type": "input_audio", "input_audio": {"data": "orion", "format": "wav"}}
    assert SECRET not in said({"role": "user", "content": [picture, sound]})


def test_a_scope_is_no_wider_than_it_says():
    """`last` is the newest user turn, `user` every one, and neither is what others said."""
    messages = [("system", "s"), ("user", "one"), ("assistant", "a"), ("user", "two"), ("tool", "t")]
    request = ChatRequest(
        "auto", tuple({"role": role, "content": text} for role, text in messages), None, False, False, {}
    )
    words = facts_of(request, {}).words
    assert words is not None
    assert ("two", "one\ntwo") == (words.text("last"), words.text("user"))


def test_words_stay_out_of_a_repr():
    """Facts may be logged; what the user said may not."""
    request = ChatRequest("auto", ({"role": "user", "content": SECRET},), None, False, False, {"tools": [SECRET]})
    assert SECRET not in repr(facts_of(request, {}))
