"""Streamed tool calls, as the strictest clients want them."""

from hypothesis import given
from hypothesis import strategies as st

from router.backends.toolcalls import ToolCalls
from router.chat import Chunk
from router.dispatch.merge import Choice


def call(arguments: str, index: int | None = None, id_: str | None = None, name: str | None = None) -> dict:
    """One piece, with only the fields that were given."""
    fields = {"index": index, "id": id_, "type": "function" if id_ else None}
    function = {"name": name, "arguments": arguments}
    return {
        **{key: value for key, value in fields.items() if value is not None},
        "function": {k: v for k, v in function.items() if v is not None},
    }


def tidy(*pieces: dict) -> list[dict]:
    calls = ToolCalls()
    return [tidied for piece in pieces for tidied in calls.tidy([piece])]


def test_proper_calls_pass_unchanged() -> None:
    """What OpenAI sends is what clients get."""
    pieces = [call("", 0, "a", "f"), call('{"x"', 0), call(": 1}", 0), call("", 1, "b", "g"), call("{}", 1)]
    assert pieces == tidy(*pieces)


def test_a_missing_index_is_filled_in() -> None:
    """An id begins the next call, a piece without one continues the last."""
    pieces = [call("{", id_="a", name="f"), call("}"), call("{}", id_="b", name="g")]
    assert [0, 0, 1] == [piece["index"] for piece in tidy(*pieces)]


def test_names_are_said_once() -> None:
    """A server that repeats id and name on every piece would make clients read `ffff`."""
    pieces = tidy(*[call("x", 0, "a", "f")] * 3)
    assert [call("x", 0, "a", "f"), call("x", 0), call("x", 0)] == pieces


def test_a_late_name_is_kept() -> None:
    """A name that comes after the id is still the first one."""
    assert [call("", 0, "a"), call("x", 0, name="f")] == tidy(call("", 0, "a"), call("x", 0, name="f"))


@given(
    st.lists(
        st.tuples(st.integers(-2, 3) | st.none(), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "f"])),
        max_size=12,
    )
)
def test_indexes_are_dense_and_names_single(pieces: list[tuple]) -> None:
    """Whatever a server leaves out or repeats, every piece has an index without gaps, and no name is doubled."""
    tidied = tidy(*[call("x", index, id_, name) for index, id_, name in pieces])
    seen = list(dict.fromkeys(piece["index"] for piece in tidied))
    assert list(range(len(seen))) == sorted(seen)
    choice = Choice()
    choice.add(Chunk({"tool_calls": tidied}))
    assert "x" * len(pieces) == "".join(known["function"]["arguments"] for known in choice.tool_calls.values())
    assert {known["function"].get("name") for known in choice.tool_calls.values()} <= {None, "f"}
