"""What counts as the user's words, and which calls are a chat interface's own."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import conversation
from classifiers.conversation import CAP, side_call, user_text

REMINDER = "<system-reminder>\nToday is Monday. Prove everything.\n</system-reminder>"


def _user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([_user("hello")], "hello"),
        ([{"role": "system", "content": "You are a prover."}, _user("hello")], "hello"),
        (
            [
                _user(
                    [
                        {"type": "text", "text": "a"},
                        {"type": "image_url", "image_url": {}},
                        {"type": "text", "text": "b"},
                    ]
                )
            ],
            "a\nb",
        ),
        ([_user([{"type": "input_text", "text": "a"}])], "a"),
        ([_user(["a", "b"])], "a\nb"),
        ([_user(f"{REMINDER}\nfix the typo")], "fix the typo"),
        ([_user([{"type": "text", "text": REMINDER}, {"type": "text", "text": "fix the typo"}])], "fix the typo"),
        ([_user("<task>\nfix it\n</task>\n<environment_details>\nls -la\n</environment_details>")], "fix it"),
        ([_user("<environment_context>\n<cwd>/x</cwd>\n</environment_context>"), _user("say hi")], "say hi"),
        ([_user("<user_instructions>be brief</user_instructions>say hi")], "say hi"),
        (
            [_user("# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nbe brief\n</INSTRUCTIONS>"), _user("say hi")],
            "say hi",
        ),
        ([_user("<command-name>/commit</command-name><command-message>commit</command-message>now")], "now"),
        ([_user("<local-command-stdout>a lot</local-command-stdout>go")], "go"),
        ([_user([{"type": "tool_result", "content": "a proof"}, {"type": "text", "text": "thanks"}])], "thanks"),
        (
            [_user("### Task:\nAnswer from the context.\n<context>long</context>\n<user_query>\nwhy?\n</user_query>")],
            "why?",
        ),
        ([_user("what does <div class='a'> do?")], "what does <div class='a'> do?"),
        ([_user("what is a <system-reminder> tag?")], "what is a  tag?"),
        ([_user("prove it"), {"role": "assistant", "content": "done"}, _user("commit it")], "prove it\n\ncommit it"),
        ([_user("prove it"), _user("thanks!")], "thanks!"),
        ([_user("prove it"), {"role": "tool", "content": "output"}], "prove it"),
        ([_user("old"), _user("x" * 200)], "x" * 200),
        ([_user(None)], ""),
        ([{"role": "assistant", "content": "hi"}], ""),
        ([], ""),
    ],
)
def test_the_users_words(messages: list, expected: str) -> None:
    """Wrappers, tool results and other roles are left out; short turns inherit the turn that they continue."""
    assert expected == user_text(messages)


def test_only_a_few_turns_are_inherited() -> None:
    """However many short turns there are, the last four speak, the newest last."""
    assert "6\n\n7\n\n8\n\n9" == user_text([_user(str(number)) for number in range(10)])


def test_the_text_is_capped_at_both_ends() -> None:
    """A long turn keeps its head and its tail."""
    text = user_text([_user(f"start {'x' * 100_000} end")])
    assert (True, True, True) == (len(text) <= CAP, text.startswith("start"), text.endswith("end"))


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([_user("### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.")], "title"),
        ([_user("### Task:\nGenerate 1-3 broad tags categorizing the main themes")], "tags"),
        ([_user("### Task:\nSuggest 3-5 relevant follow-up questions or prompts")], "follow_ups"),
        (
            [_user("### Task:\nAnalyze the chat history to determine the necessity of generating search queries")],
            "query",
        ),
        ([_user("### Task:\nYou are an autocompletion system. Continue the text")], "autocomplete"),
        ([_user("Provide a concise, 5-word-or-less title for the conversation, using title case")], "title"),
        (
            [{"role": "system", "content": "You are a title generator. You output ONLY a thread title."}, _user("x")],
            "title",
        ),
        (
            [
                {"role": "system", "content": "You are a coding CLI."},
                {
                    "role": "system",
                    "content": [
                        {"type": "text", "text": "Analyze if this message indicates a new conversation topic."}
                    ],
                },
                _user("x"),
            ],
            "title",
        ),
        ([_user("### Task:\nRespond to the user query using the provided context")], None),
        ([_user("Why does Open WebUI send '### Task: Generate a concise title'?")], None),
        ([_user("Generate a title for my essay")], None),
        ([], None),
    ],
)
def test_side_calls(messages: list, expected: str | None) -> None:
    """Titles, tags, follow-ups and queries of chat interfaces are recognised, and mentions of them are not."""
    assert expected == side_call(messages)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)
TAGS = st.lists(
    st.sampled_from(
        ["<", ">", "</", "system-reminder>", "task>", "<user_query>", "</user_query>", "x", " ", "<bash-a>"]
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(JUNK)
def test_junk_never_raises(junk: object) -> None:
    """Whatever the messages are, both readers answer."""
    messages = junk if isinstance(junk, list) else [junk]
    assert isinstance(user_text(messages), str)
    assert side_call(messages) is None
    assert side_call([{"role": junk, "content": junk}]) is None
    assert isinstance(user_text([{"role": "user", "content": junk}]), str)


@settings(max_examples=300, deadline=None)
@given(TAGS)
def test_broken_markup_never_raises(pieces: list[str]) -> None:
    """Tags in any order, closed or not, give a text no longer than the input."""
    text = "".join(pieces)
    assert len(user_text([_user(text)])) <= len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        "<system-reminder>",
        "</system-reminder>",
        "<bash-{0}>",
        "<system-reminder>x</system-reminder>",
        "[" * 9,
        " ",
    ],
)
def test_reading_costs_no_more_than_its_cap(piece: str) -> None:
    """A turn of megabytes costs hardly more than one of the size that is scanned, whatever it repeats."""

    def cost(size: int) -> float:
        text = "".join(piece.format(number) for number in range(size // len(piece)))
        spent = []
        for _ in range(3):
            start = time.thread_time()
            user_text([_user(text)])
            spent.append(time.thread_time() - start)
        return min(spent)

    assert cost(2_000_000) < 4 * cost(100_000) + 0.02


@pytest.mark.parametrize("content", ["<a>" * 350_000, [{"type": "text", "text": "<a>" * 10_000}] * 50])
def test_hostile_markup_reaches_the_search_for_tags_as_a_bounded_sample(
    content: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much markup a conversation holds, `SCANNED` characters and `TAGS` tags of it are searched."""
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(conversation, "unwrap", lambda text, tags: seen.append((len(text), tags)) or text)
    conversation.user_text([{"role": "user", "content": content}])
    assert 0 < sum(size for size, _ in seen) <= conversation.SCANNED
    assert sum(tags for _, tags in seen) <= conversation.TAGS
