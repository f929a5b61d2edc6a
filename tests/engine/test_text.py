"""From token bytes to text that may be shown."""

from hypothesis import given
from hypothesis import strategies as st

from router.engine.text import TextStream


def pieces_of(data: bytes, sizes: list[int]) -> list[bytes]:
    """`data` cut into pieces whose sizes repeat."""
    found, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return found


@given(st.text(), st.lists(st.integers(1, 5), min_size=1))
def test_characters_are_never_cut(text, sizes):
    """Whatever token borders cut through characters, each shown piece is whole and together they are the text."""
    stream = TextStream()
    assert text == "".join(stream.push(piece) for piece in pieces_of(text.encode(), sizes)) + stream.finish()


@given(
    st.text(alphabet="abc", max_size=40),
    st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.integers(1, 5), min_size=1),
)
def test_a_stop_string_never_leaks(text, stops, sizes):
    """What is shown is the text before the first stop string, and no piece ever shows more."""
    stream, shown = TextStream(tuple(stops)), ""
    firsts = [at for stop in stops if (at := text.find(stop)) >= 0]
    for piece in pieces_of(text.encode(), sizes):
        shown += stream.push(piece)
        if stream.is_stopped:
            break
    shown += stream.finish()
    # A longer stop may complete after a shorter one that began later: the first to complete decides.
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    assert bool(firsts) == stream.is_stopped
    if not firsts:
        assert text == shown


def test_half_a_character_at_the_end_is_left_out():
    """An answer cut by its length inside a character ends before that character."""
    stream = TextStream()
    assert "h" == stream.push("hé".encode()[:2]) + stream.finish()


def test_text_that_only_looked_like_a_stop_is_shown_at_the_end():
    """The held-back start of a stop string belongs to the answer when the stop never came."""
    stream = TextStream(("</end>",))
    assert ("a ", "</en") == (stream.push(b"a </en"), stream.finish())


def test_an_answer_does_not_begin_with_the_prompts_space():
    """One space at the start of a chat answer is left out, and only one, and only there."""
    stream = TextStream(drops_space=True)
    assert ["", " a", " b"] == [stream.push(piece) for piece in (b" ", b" a", b" b")]
