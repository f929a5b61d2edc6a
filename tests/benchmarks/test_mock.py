"""The mock of the benchmarks speaks OpenAI's API over a real socket."""

import openai
import pytest

from benchmarks.servers import Counts, Server, counts, serve_mock

ASKED = {"model": "mock-1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def client(mock: Server):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{mock.port}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_a_whole_answer_is_a_completion_with_usage(client: openai.OpenAI):
    """A plain request gets one completion that says how many tokens it used."""
    answer = client.chat.completions.create(**ASKED)
    assert ("stop", 40, 32) == (
        answer.choices[0].finish_reason,
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    assert 32 == len(answer.choices[0].message.content.split())


def test_a_streamed_answer_has_every_word_and_usage_when_asked(client: openai.OpenAI):
    """A stream carries its words in order, one finish reason, and usage where the client wants it."""
    with client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}) as stream:
        events = list(stream)
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert "word1 word2 word3 word4 word5" == text
    assert ["stop"] == [event.choices[0].finish_reason for event in events if event.choices][-1:]
    assert 5 == events[-1].usage.completion_tokens


def test_usage_is_not_sent_unasked(client: openai.OpenAI):
    """Without `include_usage` the last event before the end is the finish reason."""
    with client.chat.completions.create(**ASKED, stream=True) as stream:
        events = list(stream)
    assert "stop" == events[-1].choices[0].finish_reason


def test_the_mock_counts_what_it_answered(mock: Server, client: openai.OpenAI):
    """Its own count is of answers given whole, and of stream events."""
    client.chat.completions.create(**ASKED)
    with client.chat.completions.create(**ASKED, stream=True) as stream:
        list(stream)
    assert Counts(requests=2, events=5 + 3) == counts(mock)


def test_words_can_be_spaced():
    """With a gap the words of one stream do not arrive together; the first one comes at once, with the role."""
    with serve_mock(chunks=3, gap_ms=600_000) as mock:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{mock.port}/v1", api_key="none", max_retries=0)
        with client, client.chat.completions.create(**ASKED, stream=True) as stream:
            next(iter(stream))
            assert Counts(requests=0, events=2) == counts(mock)


def test_spaced_words_all_come():
    """The gap takes nothing away."""
    with serve_mock(chunks=3, gap_ms=1) as mock:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{mock.port}/v1", api_key="none", max_retries=0)
        with client, client.chat.completions.create(**ASKED, stream=True) as stream:
            list(stream)
        assert Counts(requests=1, events=6) == counts(mock)
