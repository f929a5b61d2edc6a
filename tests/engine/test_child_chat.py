"""One real child, real weights made at test time: what a request may ask for, and how it is refused."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.engine import wire
from tests.engine.driver import GREEDY, ChildDriver, failed, reasons, text, used, user
from tests.fakes.gguf_model import write_tiny_gguf


@pytest.fixture(scope="module")
def child(tiny: Path) -> Iterator[ChildDriver]:
    """A child for the tiny model, shared by the tests of this file."""
    with ChildDriver(tiny, context=512) as driver:
        yield driver


def test_the_greeting_describes_the_model(child):
    """The first event tells the window, the vocabulary, the template and the process."""
    hello = child.hello
    assert isinstance(hello, wire.Hello)
    assert (512, 4, 263, True, False, child.process.pid) == (
        hello.context, hello.parallel, hello.vocab, hello.has_template, hello.is_embedding, hello.pid,
    )  # fmt: skip
    assert "?" not in hello.description


def test_an_answer_is_pieces_a_reason_and_a_bill(child):
    """The pieces count the tokens, the reason is the length, and the bill holds prompt and answer."""
    events = child.ask(messages=user("hello"), max_tokens=12, ignore_eos=True)
    assert {0: "length"} == reasons(events)
    assert 12 == used(events).completion_tokens
    assert sum(event.tokens for event in events if isinstance(event, wire.Piece)) <= 12


def test_a_prompt_may_be_text_or_tokens(child):
    """The same prompt as text and as token ids has the same greedy answer."""
    child.send(wire.Tokenize(id_ := child.new_id(), "the thing"))
    tokens = child.event()
    assert isinstance(tokens, wire.Tokenized)
    assert id_ == tokens.id
    answers = [
        text(child.ask(prompt=prompt, sampling=GREEDY, max_tokens=20, ignore_eos=True))
        for prompt in ("the thing", tokens.tokens)
    ]
    assert answers[0] == answers[1] != ""


def test_counting_is_exact(child):
    """The count of a conversation is what a request with it is billed for its prompt."""
    messages = [*user("one two"), {"role": "assistant", "content": "three"}, *user("four")]
    child.send(wire.Count(child.new_id(), messages))
    counted = child.event()
    assert isinstance(counted, wire.Counted)
    assert counted.tokens == used(child.ask(messages=messages, max_tokens=1)).prompt_tokens


def test_control_tokens_in_a_message_are_only_letters(child):
    """What a client writes cannot end a turn: the marker's letters are read one by one."""
    counts = []
    for content in ("", "<|im_end|>"):
        child.send(wire.Count(child.new_id(), user(content)))
        counts.append(child.event().tokens)
    assert len("<|im_end|>") == counts[1] - counts[0]


def test_developer_is_system_and_parts_are_text(child):
    """A developer message counts as system, and content in parts as its text."""
    as_parts = [{"role": "developer", "content": [{"type": "text", "text": "be kind"}]}, *user("hi")]
    as_text = [{"role": "system", "content": "be kind"}, *user("hi")]
    answers = [
        text(child.ask(messages=m, sampling=GREEDY, max_tokens=16, ignore_eos=True)) for m in (as_parts, as_text)
    ]
    assert answers[0] == answers[1]


def test_max_tokens_is_clamped_to_the_window(child):
    """Asking for more than the window leaves is asking for what it leaves."""
    events = child.ask(messages=user("x" * 400), max_tokens=10**9, ignore_eos=True)
    cost = used(events)
    assert 512 == cost.prompt_tokens + cost.completion_tokens
    assert {0: "length"} == reasons(events)


def test_a_prompt_over_the_window_is_refused(child):
    """An over-long prompt is refused with its own code before it reaches native code."""
    for fields in ({"messages": user("x" * 600)}, {"prompt": [1] * 512}):
        assert "context_length_exceeded" == failed(child.ask(**fields)).code


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": [263]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "a", "messages": user("a")}, "prompt"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "max_tokens": -5}, "max_tokens"),
        ({"prompt": "a", "n": 0}, "n"),
        ({"prompt": "a", "n": 10**9}, "n"),
        ({"prompt": "a", "stop": ["x"] * 17}, "stop"),
        ({"prompt": "a", "stop": [""]}, "stop"),
        ({"prompt": "a", "top_logprobs": 21}, "top_logprobs"),
        ({"prompt": "a", "adapter": "nowhere"}, "adapter"),
        ({"prompt": "a", "sampling": wire.Sampling(temperature=-1)}, "temperature"),
        ({"prompt": "a", "sampling": wire.Sampling(temperature=math.nan)}, "temperature"),
        ({"prompt": "a", "sampling": wire.Sampling(top_p=0)}, "top_p"),
        ({"prompt": "a", "sampling": wire.Sampling(top_k=-1)}, "top_k"),
        ({"prompt": "a", "sampling": wire.Sampling(min_p=2)}, "min_p"),
        ({"prompt": "a", "sampling": wire.Sampling(repeat_penalty=0)}, "repeat_penalty"),
        ({"prompt": "a", "sampling": wire.Sampling(frequency_penalty=math.inf)}, "frequency_penalty"),
        ({"prompt": "a", "sampling": wire.Sampling(repeat_penalty=1e30)}, "repeat_penalty"),
        ({"prompt": "a", "sampling": wire.Sampling(temperature=1e9)}, "temperature"),
        ({"prompt": "a", "sampling": wire.Sampling(logit_bias={3: math.nan})}, "logit_bias"),
        ({"prompt": "a", "sampling": wire.Sampling(logit_bias={263: 1.0})}, "logit_bias"),
        ({"prompt": "a", "sampling": wire.Sampling(logit_bias={-1: 1.0})}, "logit_bias"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages"),
    ],
)
def test_bad_input_names_its_parameter(child, fields, param):
    """What native code could choke on is refused before it, by the parameter's name."""
    refusal = failed(child.ask(**fields))
    assert ("invalid_value", param) == (refusal.code, refusal.param)


def test_a_stop_string_is_not_shown(child):
    """The answer ends before the stop string, wherever the token borders are."""
    whole = text(child.ask(prompt="abc", sampling=wire.Sampling(seed=11), max_tokens=60, ignore_eos=True))
    stop = whole[12:15]
    events = child.ask(prompt="abc", sampling=wire.Sampling(seed=11), max_tokens=60, ignore_eos=True, stop=[stop])
    assert whole[: whole.index(stop)] == text(events)
    assert {0: "stop"} == reasons(events)


def test_logprobs_are_plain_and_sorted(child):
    """Each shown token has its log-probability and the likeliest alternatives, the greedy choice first."""
    events = child.ask(prompt="abc", sampling=GREEDY, max_tokens=10, ignore_eos=True, top_logprobs=5)
    entries = [entry for event in events if isinstance(event, wire.Piece) for entry in event.logprobs or []]
    assert entries
    for entry in entries:
        values = [top.logprob for top in entry.top]
        assert 5 == len(values)
        assert sorted(values, reverse=True) == values
        assert all(type(value) is float and value <= 0 for value in values)
        # The likeliest of all may be an end token, which ignore_eos rules out after the fact.
        assert entry.logprob in values


def test_confidence_agrees_with_the_logprobs(child):
    """The mean log-probability of the answer is the mean of the tokens' own."""
    events = child.ask(prompt="abc", sampling=wire.Sampling(seed=2), max_tokens=20, ignore_eos=True, top_logprobs=0)
    entries = [entry for event in events if isinstance(event, wire.Piece) for entry in event.logprobs or []]
    confidence = next(event for event in events if isinstance(event, wire.Confidence))
    assert 20 == confidence.tokens
    if len(entries) == 20:
        assert sum(entry.logprob for entry in entries) / 20 == pytest.approx(confidence.mean_logprob, abs=1e-4)
    assert 0 < confidence.mean_entropy < math.log(263)


def test_choices_differ_and_repeat_by_seed(child):
    """n choices of one seed differ among themselves and are the same the next time."""

    def texts() -> list[str]:
        events = child.ask(prompt="abc", sampling=wire.Sampling(seed=5), max_tokens=16, n=3, ignore_eos=True)
        return [text(events, index) for index in range(3)]

    first = texts()
    assert 3 == len(set(first))
    assert first == texts()


def test_a_second_turn_reads_only_what_is_new(child):
    """The history of a conversation is in the bill as cached."""
    history = user("tell me about " + "the sea " * 30)
    first = child.ask(messages=history, sampling=GREEDY, max_tokens=8, ignore_eos=True)
    more = [*history, {"role": "assistant", "content": "ok"}, *user("and?")]
    second = used(child.ask(messages=more, max_tokens=4))
    assert second.cached_tokens > 0.9 * used(first).prompt_tokens


def test_pings_are_answered_while_it_works(child):
    """A ping in the middle of a long answer is answered at once, with the load."""
    id_, ping = child.new_id(), child.new_id()
    child.send(wire.Submit(id_, prompt="abc", max_tokens=400, ignore_eos=True))
    while not isinstance(child.event(), wire.Piece):
        pass
    child.send(wire.Ping(ping))
    events = []
    while not any(isinstance(event, wire.Pong) for event in events):
        events.append(child.event())
    pong = events[-1]
    assert (ping, 1, 2048) == (pong.id, pong.live, pong.kv_size)
    assert not any(isinstance(event, wire.Used) for event in events)
    child.send(wire.Cancel(id_))
    child.until_done([id_])


def test_cancel_stops_at_once(child):
    """A cancelled answer is billed for what was written, far below what was asked."""
    id_ = child.new_id()
    child.send(wire.Submit(id_, prompt="abc", max_tokens=500, ignore_eos=True))
    while not isinstance(child.event(), wire.Piece):
        pass
    child.send(wire.Cancel(id_))
    assert child.until_done([id_])[id_][-1].completion_tokens < 400


def test_a_cancel_in_the_same_frame_is_honoured(child):
    """A request that is cancelled before it was prepared costs nothing."""
    id_ = child.new_id()
    child.send(wire.Submit(id_, messages=user("x" * 300), max_tokens=300, ignore_eos=True), wire.Cancel(id_))
    assert 0 == child.until_done([id_])[id_][-1].completion_tokens


def test_embeddings_are_refused(child):
    """A model that writes is not asked to embed."""
    child.send(wire.Embed(child.new_id(), ["a"]))
    assert "model" == child.event().param


def test_a_model_without_template_names_the_built_in_ones(tmp_path):
    """Messages to a model without a chat template are refused with the templates one may name; prompts work."""
    path = write_tiny_gguf(tmp_path / "bare.gguf", template=False)
    with ChildDriver(path, context=256) as child:
        assert not child.hello.has_template
        refusal = failed(child.ask(messages=user("hi")))
        assert "chatml" in refusal.message
        assert 3 == used(child.ask(prompt="abc", max_tokens=3, ignore_eos=True)).completion_tokens
    with ChildDriver(path, context=256, template="chatml") as child:
        assert used(child.ask(messages=user("hi"), max_tokens=3)).prompt_tokens > 2


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"template": "nonsense"}, "chatml"), ({"context": 16384}, "trained"), ({"cells": 256}, "windows")],
)
def test_what_cannot_be_served_is_refused_in_words(tiny, settings, word):
    """A wrong setting ends the child with a message for a person and exit status 2."""
    with ChildDriver(tiny, **settings) as child:
        assert isinstance(child.hello, wire.Refused)
        assert word in child.hello.message
        assert 2 == child.process.wait(10)


def test_the_child_ends_when_the_parent_hangs_up(tiny):
    """Without its parent a child ends, even in the middle of an answer."""
    with ChildDriver(tiny, context=512) as child:
        child.send(wire.Submit(child.new_id(), prompt="abc", max_tokens=500, ignore_eos=True))
        child.event()
        child.connection.close()
        assert child.process.wait(10) in (0, 1)


def test_token_ids_have_their_text_back(child):
    """What was tokenised is the same text again; an id that the vocabulary does not have is named."""
    child.send(wire.Tokenize(child.new_id(), "the thing", add_special=False))
    tokens = child.event().tokens
    child.send(wire.Detokenize(child.new_id(), tokens))
    assert "the thing" == child.event().text.strip()
    child.send(wire.Detokenize(child.new_id(), [10**6]))
    failed = child.event()
    assert isinstance(failed, wire.Failed)
    assert ("invalid_value", "tokens") == (failed.code, failed.param)


def test_the_stop_string_that_ended_an_answer_is_told(child):
    """Of several the one that came; an answer that ended otherwise has none."""
    asked = {"prompt": "the thing", "sampling": GREEDY, "max_tokens": 20, "ignore_eos": True}
    said = text(child.ask(**asked))
    ended = [event for event in child.ask(**asked, stop=["never said", said[4:6]]) if isinstance(event, wire.Finished)]
    assert [("stop", said[4:6])] == [(event.reason, event.stop) for event in ended]
    assert [None] == [event.stop for event in child.ask(**asked) if isinstance(event, wire.Finished)]
