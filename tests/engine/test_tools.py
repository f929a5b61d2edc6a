"""Tool calls in what a model writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.engine.answer import Part
from router.engine.tools import BEGIN, END, CallParser, ToolsRefusedError, functions, knows_tools, told

F = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
G = {"type": "function", "function": {"name": "g"}}


def call(name: str, arguments: object) -> str:
    return f'{BEGIN}{{"name": "{name}", "arguments": {json.dumps(arguments)}}}{END}'


def parsed(text: str, sizes: list[int]) -> tuple[str, list[tuple[str, str, str]]]:
    """Content, and id, name and arguments of each call, when the text comes in pieces."""
    parser = CallParser(iter(f"id{n}" for n in range(100)).__next__)
    parts: list[Part] = []
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        parts += parser.push(text[at : at + size])
        at, turn = at + size, turn + 1
    parts += parser.finish()
    content = "".join(part.text for part in parts if part.call is None)
    calls = []
    for number in range(parser.calls):
        own = [part for part in parts if part.call == number]
        assert (own[0].text, [None] * (len(own) - 1)) == ("", [part.name for part in own[1:]])
        calls.append((own[0].call_id, own[0].name, "".join(part.text for part in own)))
    return content, calls


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.text(alphabet="ab <{}", max_size=12),
    st.lists(st.dictionaries(st.text(max_size=4), JSONS, max_size=3), max_size=3),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_calls_are_found_however_they_come(words, arguments, sizes):
    """Text before, any number of calls, any arguments, any pieces: each comes out as it was written."""
    content, calls = parsed(words + "\n".join(call("f", one) for one in arguments), sizes)
    assert words == content
    assert [(f"id{n}", "f", one) for n, one in enumerate(arguments)] == [(i, n, json.loads(a)) for i, n, a in calls]


@given(st.text(alphabet="<tol_ca>x", max_size=30), st.lists(st.integers(1, 4), min_size=1))
def test_text_without_a_call_is_only_text(words, sizes):
    """What merely looks like the start of a call is shown in the end."""
    assert (words, []) == parsed(words.replace("<tool_call>", ""), sizes) or "<tool_call>" in words


def test_a_marker_without_a_call_is_text():
    """A marker that no call follows is given back as text once that is certain."""
    content, calls = parsed("<tool_call> is how one calls. " + "x" * 300, [7])
    assert content.startswith("<tool_call> is how")
    assert [] == calls


def test_arguments_are_streamed():
    """The arguments come as they are written, the name before all of them."""
    parser = CallParser(lambda: "id")
    assert [Part("", 0, "id", "f")] == parser.push(f'{BEGIN}{{"name": "f", "arguments": ')
    assert [Part('{"a"', 0)] == parser.push('{"a"')
    assert [Part(": 1}", 0)] == parser.push(": 1}}")


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", ["f", "g"]),
        ("none", []),
        ("required", ["f", "g"]),
        ({"type": "function", "function": {"name": "g"}}, ["g"]),
    ],
)
def test_the_choice_says_what_may_be_called(choice, names):
    """auto and required allow all, none nothing, a name that one."""
    assert names == [function["name"] for function in functions([F, G], choice)]


@pytest.mark.parametrize(
    ("tools", "choice", "param"),
    [
        ([], "required", "tool_choice"),
        ([F], "perhaps", "tool_choice"),
        ([F], {"function": {"name": "h"}}, "tool_choice"),
        ([F], {"function": "f"}, "tool_choice"),
        ([{"type": "function"}], "auto", "tools"),
        ([{"type": "function", "function": {"name": 'f"'}}], "auto", "tools"),
    ],
)
def test_unusable_tools_are_refused(tools, choice, param):
    """What cannot be called is refused with the field's name."""
    with pytest.raises(ToolsRefusedError) as refused:
        functions(tools, choice)
    assert param == refused.value.param


def test_a_template_without_tools_is_told_in_words():
    """Signatures go into the system message; calls and results become text of their roles."""
    messages = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "42"},
    ]
    spoken = told(messages, [F])
    assert ["system", "user", "assistant", "user"] == [message["role"] for message in spoken]
    assert '"name": "f"' in spoken[0]["content"]
    assert call("f", {"a": 1}) == spoken[2]["content"]
    assert "<tool_response>\n42\n</tool_response>" == spoken[3]["content"]


def test_templates_that_know_tools_are_recognised():
    """Our notation and the variable `tools` have to occur in the template."""
    assert knows_tools("{% if tools %}<tool_call>{% endif %}")
    assert not knows_tools("{{ messages }}")
