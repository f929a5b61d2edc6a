"""Words, marks and cues of a text, and what of it is instruction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.cues import CueMatcher
from classifiers.reading import Reading, instruction, read
from classifiers.tokens import FIRST, LAST, bounds

MATCHER = CueMatcher(
    {
        "proof": ("asks for a proof", ("prove", "beweis", "证明")),
        "greeting": ("a greeting", ("hi$", "good morning")),
        "code": ("asks for code", ("c++", "sql")),
    }
)


def _cues(text: str) -> set[str]:
    return {MATCHER.names[cue] for cue in MATCHER.find(read(text))}


def _words_by_bounds(reading: Reading) -> list[bytes]:
    starts, ends, _ = bounds(reading.points)
    found = (reading.folded[start:end] for start, end in zip(starts, ends, strict=True))
    return [
        "".join("0" if each.isdecimal() else each for each in word).encode("utf-8", "surrogatepass") for word in found
    ]


@given(st.text(st.characters(codec="ascii"), max_size=200) | st.text(max_size=200))
def test_both_ways_to_cut_a_text_agree(text: str) -> None:
    """The quick way through plain texts finds the words that the classes of their characters give."""
    reading = read(text)
    assert _words_by_bounds(reading) == reading.tokens.all


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sort 25 files, all?", [b"sort", b"00", b"files", b"all"]),
        ("naïve x9", ["naïve".encode(), b"x0"]),
        ("证明 a", ["证".encode(), "明".encode(), b"a"]),
        ("ok 🙂", [b"ok", "🙂".encode()]),
        ("...", []),
    ],
)
def test_words(text: str, expected: list[bytes]) -> None:
    """Digits are zeros, marks are no words, characters of scripts without spaces and symbols are words of their own."""
    assert expected == read(text).tokens.all


def test_the_words_of_a_long_text_are_its_first_and_last() -> None:
    """Of more words than are read, those at the head and at the tail count, whichever way the text is cut."""
    for word in ("x", "证"):
        words = read(f"first {f'{word} ' * 1100} last").tokens.all
        assert FIRST + LAST == len(words)
        assert (b"first", b"last") == (words[0], words[-1])


def test_marks_are_counted() -> None:
    """Marks count by what they are signs of, digits of any script as digits."""
    marks = read("Is 3 > 2, or \u0664? (yes)").marks
    assert (marks.question, marks.digit, marks.comma, marks.code) == (1, 3, 1, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Proven facts", {"proof"}),
        ("improve it", set()),
        ("Hi", {"greeting"}),
        ("high", set()),
        ("good mornings", {"greeting"}),
        ("good, morning", {"greeting"}),
        ("good evening", set()),
        ("请证明", {"proof"}),
        ("in C++ or SQLite", {"code"}),
        ("in C or D", set()),
        ("Beweise das, hi", {"proof", "greeting"}),
    ],
)
def test_cues(text: str, expected: set[str]) -> None:
    """A stem matches the start of a word, a whole one only itself, several words in a row, and marks where it has any."""
    assert expected == _cues(text)


def test_a_cue_leads_at_the_head_and_at_the_tail() -> None:
    """A cue in the middle of a long text does not lead."""
    filler = "some more words of a long text " * 5
    found = [MATCHER.find(read(text))[0] for text in (f"prove {filler}", f"{filler} prove {filler}", f"{filler} prove")]
    assert [True, False, True] == found


def test_a_short_stem_must_be_a_whole_word() -> None:
    """A stem of one or two letters that may go on would match everywhere."""
    with pytest.raises(ValueError, match="must be a whole word"):
        CueMatcher({"cue": ("says", ("of",))})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Translate "the shop opens at nine" to French', 'translate "" to french'),
        ("Fasse zusammen: „Der Zug kommt heute später.“", "fasse zusammen: „“"),
        ('say "hi" twice', 'say "hi" twice'),
        ("nothing quoted", "nothing quoted"),
        ('"all of it is a quotation here"', '"all of it is a quotation here"'),
    ],
)
def test_instruction(text: str, expected: str) -> None:
    """A quoted text is left out of the instruction, unless it is short or all there is."""
    reading = read(text)
    asked = instruction(reading)
    assert expected == asked.folded
    assert len(reading.folded) - len(asked.folded) == asked.quoted
