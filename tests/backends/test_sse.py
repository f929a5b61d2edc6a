"""The SSE parser: whatever the packets look like, the events are the same."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.backends.sse import EventSizeError, SseParser

BOM = b"\xef\xbb\xbf"


def feed_all(*pieces: bytes, max_event_bytes: int = 4096) -> list[bytes]:
    parser = SseParser(max_event_bytes)
    return [event for piece in pieces for event in parser.feed(piece)]


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\ndata: b\n\n", [b"\nb"]),
        (b": ping\n\ndata: a\n: ping\n\n", [b"a"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"event: ping\n\n", []),
        (BOM + b"data: a\n\n", [b"a"]),
        (b"data: a\n\n" + BOM + b"data: b\n\n", [b"a"]),
        (b"data: a\n\ndata: cut off", [b"a"]),
        (b"data: a\n\ndata: cut off\n", [b"a"]),
        (b"<html>\n<body>\n\n", []),
        ("data: żółw 🐢\n\n".encode(), ["żółw 🐢".encode()]),
        (b"data: \n\n", [b""]),
        (b"", []),
    ],
)
def test_reads_the_grammar(body: bytes, events: list[bytes]) -> None:
    """Each construct of the grammar gives the events that the standard says."""
    assert events == feed_all(body)


LINES = st.lists(
    st.one_of(
        st.just(b""),
        st.just(b": comment"),
        st.just(b"event: x"),
        st.just(b"data"),
        st.text(alphabet="aż🐢 :", max_size=6).map(lambda text: b"data: " + text.encode()),
        st.binary(max_size=6).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"")),
    ),
    max_size=12,
)


@given(lines=LINES, ending=st.sampled_from([b"\n", b"\r\n", b"\r"]), bom=st.booleans(), places=st.lists(st.integers(0)))
@example(lines=[b"data: a", b""], ending=b"\r\n", bom=True, places=[1, 10, 11])
def test_row_30_any_chunking_gives_the_same_events(
    lines: list[bytes], ending: bytes, bom: bool, places: list[int]
) -> None:
    """Where the packets end makes no difference, be it inside a character, a CRLF or the BOM."""
    body = (BOM if bom else b"") + b"".join(line + ending for line in lines)
    assert feed_all(body) == feed_all(*cut(body, places))
    assert feed_all(body) == feed_all(*(body[at : at + 1] for at in range(len(body))))


@given(lines=LINES, endings=st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=12, max_size=12))
def test_line_endings_are_equal(lines: list[bytes], endings: list[bytes]) -> None:
    """LF and CRLF mean the same, mixed too."""
    plain = b"".join(line + b"\n" for line in lines)
    mixed = b"".join(line + ending for line, ending in zip(lines, endings, strict=False))
    assert feed_all(plain) == feed_all(mixed)


def test_a_large_event_in_small_pieces_is_whole() -> None:
    """A 1 MB event that arrives in small packets comes out unharmed."""
    text = bytes(97 + at % 26 for at in range(1024 * 1024))
    body = b"data: " + text + b"\n\n"
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    assert [text] == feed_all(*pieces, max_event_bytes=len(body))


@pytest.mark.parametrize("line", [b"data: " + b"x" * 100, b"data: xxxxxxxx\n" * 20, b"y" * 200])
def test_an_event_without_end_is_refused(line: bytes) -> None:
    """Memory for one event is bounded, whether it is one line, many lines or no event at all."""
    parser = SseParser(max_event_bytes=64)
    pieces = (line[at : at + 7] for at in range(0, len(line), 7))
    with pytest.raises(EventSizeError):
        any(parser.feed(piece) for piece in pieces)


def test_the_limit_is_for_each_event() -> None:
    """A long stream of small events never reaches the limit."""
    assert [b"x" * 40] * 100 == feed_all(*[b"data: " + b"x" * 40 + b"\n\n"] * 100, max_event_bytes=64)
