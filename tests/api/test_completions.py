"""`/v1/completions`: what is accepted, how it looks, and several prompts at one time."""

import asyncio
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from router.api.completions.parse import parse_completion, prompts_of, request_of
from router.api.completions.shape import Completion
from router.api.several import AT_ONCE, Several
from router.chat import Chunk, Usage
from router.dispatch.merge import Merged
from router.errors import BadRequest, UpstreamUnavailable
from tests.ledger.examples import RECORD


def parse(**fields: object):
    return parse_completion({"model": "auto", "prompt": "Once"} | fields, strict_fields=False)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Once", ["Once"]),
        (["Once", "Twice"], ["Once", "Twice"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        (["Once", [3]], ["Once", (3,)]),
    ],
)
def test_every_form_of_a_prompt(prompt: object, expected: list):
    """A text, a list of texts, token ids, and lists of them."""
    assert prompts_of(parse(prompt=prompt)[0]) == expected


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"suffix": "the end"}, "suffix"),
        ({"echo": True, "logprobs": 0}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"best_of": 3, "n": 2}, "best_of"),
        ({"n": 100, "prompt": ["a", "b"]}, "n"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"logprobs": True}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(wrong: dict, param: str):
    """A wrong value, and what no model behind Shunt can do, is a 400 that says where."""
    with pytest.raises(BadRequest) as caught:
        parse(**wrong)
    assert caught.value.param == param


def test_the_request_says_it_twice():
    """A local model continues the prompt; guards, rules and other targets read the message."""
    body, ignored = parse(temperature=0, logprobs=2, zebra=1, stream_options={"x": 1})
    request = request_of(body, (1, 2), "Once", "r")
    assert (request.prompt, request.messages) == ((1, 2), ({"role": "user", "content": "Once"},))
    assert request.params == {"temperature": 0, "logprobs": True, "top_logprobs": 2}
    assert (request.max_tokens, ignored) == (16, "zebra, stream_options.x")


def test_streamed_and_whole_say_the_same():
    """Echo, text, offsets and reasons are alike."""
    entry = {"token": "ab", "logprob": -1.0, "bytes": [97, 98], "top_logprobs": [{"token": "ab", "logprob": -1.0}]}
    chunks = [Chunk({"content": "ab"}, 0, None, {"content": [entry, entry]}), Chunk({}, 0, "tool_calls")]
    merged = Merged()
    for chunk in chunks:
        merged.add(chunk)
    [choice] = Completion("r", 1, ["> "]).whole(merged, "small", Usage(1, 2))["choices"]
    expected = {
        "tokens": ["ab", "ab"],
        "token_logprobs": [-1.0, -1.0],
        "top_logprobs": [{"ab": -1.0}, {"ab": -1.0}],
        "text_offset": [0, 2],
    }
    assert choice == {"text": "> ab", "index": 0, "logprobs": expected, "finish_reason": "stop"}
    shape = Completion("r", 1, ["> "])
    frames = [shape.frame(chunk, "small") for chunk in (*chunks, Chunk({"role": "assistant"}))]
    assert b'"text":"> ab"' in frames[0]
    assert b'"text_offset":[0,2]' in frames[0]
    assert b'"finish_reason":"stop"' in frames[1]
    assert frames[2] is None


class FakeExchange:
    """An exchange that says its number and then fails, ends, or waits for ever."""

    most = now = 0

    def __init__(self, number: int, *, fails: bool = False, waits: bool = False) -> None:
        self.number, self.fails, self.waits = number, fails, waits
        self.usage = Usage(number, 1)
        self.outcomes: list[str] = []
        self.is_closed = False

    @asynccontextmanager
    async def accounted(self):
        try:
            yield
        except BaseException as error:
            self.outcomes.append(type(error).__name__)
            raise

    def settle(self, outcome: str, status: int):
        self.outcomes.append(outcome)
        return replace(RECORD, cost_usd=float(self.number))

    async def events(self):
        FakeExchange.now += 1
        FakeExchange.most = max(FakeExchange.most, FakeExchange.now)
        try:
            for _ in range(100):
                yield Chunk({"content": str(self.number)}, 1)
            if self.fails:
                raise UpstreamUnavailable("gone")
            if self.waits:
                await asyncio.Event().wait()
        finally:
            FakeExchange.now -= 1
            self.is_closed = True


def several(*exchanges: FakeExchange) -> tuple[Several, list[str]]:
    released: list[str] = []
    held = ExitStack()
    held.callback(released.append, "released")
    return Several(exchanges, 2, held, {}), released


async def read(answer: Several) -> list[Chunk]:
    async with answer.accounted(), aclosing(answer.events()) as events:
        return [event async for event in events]


async def test_several_answers_stand_side_by_side():
    """Every piece comes with the number of its choice, a few exchanges at one time, and what was held is released."""
    FakeExchange.most = 0
    answer, released = several(*map(FakeExchange, range(20)))
    seen = [(event.index, event.delta["content"]) for event in await read(answer)]
    assert sorted(set(seen)) == sorted((2 * number + 1, str(number)) for number in range(20))
    assert (len(seen), FakeExchange.most, answer.usage) == (2000, AT_ONCE, Usage(190, 20))
    assert answer.settle("ok").cost_usd == pytest.approx(190)
    assert released == ["released"]


async def test_one_that_fails_ends_them_all():
    """No answer is half there: the others are stopped, and each has its record."""
    exchanges = [FakeExchange(0, waits=True), FakeExchange(1, fails=True)]
    answer, released = several(*exchanges)
    with pytest.raises(UpstreamUnavailable):
        await read(answer)
    assert [one.outcomes for one in exchanges] == [["UpstreamUnavailable"]] * 2
    assert [one.is_closed for one in exchanges] == [True, True]
    assert released == ["released"]


async def test_leaving_stops_them_all():
    """A client that goes away in the middle frees every target."""
    exchanges = [FakeExchange(number, waits=True) for number in range(3)]
    answer, _ = several(*exchanges)
    async with aclosing(answer.events()) as events:
        await anext(events)
    assert FakeExchange.now == 0
