"""What is compiled counts and sums as Python and numpy do, whatever the text, and reads nothing that is not there."""

import ctypes
import shutil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers import heads, load, ngram_tables, survey
from classifiers.native import library
from classifiers.ngram_tables import NgramTables
from classifiers.reading import read
from classifiers.shape import FORMS, shape
from classifiers.structure import structure
from classifiers.tasks import TASKS

RANDOM = np.random.default_rng(7)
TABLES = [RANDOM.normal(size=(1 << bits, columns)).astype(np.float32) for bits, columns in ((18, 1), (12, 11), (0, 3))]
COMPILED = NgramTables(*TABLES)
TEXTS = st.text(alphabet=st.characters(), max_size=300) | st.text(alphabet="ab1 .é证🙂\u0663", max_size=5000)


@pytest.fixture(scope="module")
def by_numpy() -> NgramTables:
    """The same tables where nothing was compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_tables, "library", lambda: None)
        return NgramTables(*TABLES)


@pytest.fixture
def compiled() -> ctypes.PyDLL:
    """What `make setup` compiles; where there is no compiler numpy serves, and these tests skip by name."""
    if library() is None and shutil.which("c++") is None:
        pytest.skip("needs a C++ compiler, which is not on this machine")
    return library()


def test_the_library_is_built(compiled: ctypes.PyDLL | None):
    """Without it the other tests here would compare numpy with itself."""
    assert compiled is not None


@given(TEXTS)
@example("")
@example("\x00")
@example("a" * 100_000)
@example("word " * 30_000)
@example("\ud800 lone \udfff")
@example("\U0010ffff" * 3_000)
def test_the_sums_are_numpys(by_numpy: NgramTables, text: str):
    """To the rounding of 32-bit floats, tables read together or each alone."""
    reading = read(text)
    together = COMPILED.sums(reading)
    np.testing.assert_allclose(by_numpy.sums(reading), together, rtol=1e-4, atol=1e-4)
    assert together == [value for table in TABLES for value in NgramTables(table).sums(reading)]


@given(TEXTS)
@example("")
@example("0 0a a0 each each a\u0663 not")
@example("word " * 30_000)
@example("\ud800 lone \udfff")
@example("證明 each" * 500)
def test_what_is_counted_is_what_python_counts(text: str):
    """Every mark, every word, and every number of both."""
    reading = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "library", lambda: None)
        expected = survey.survey(reading.folded, reading.codes)
    assert expected == (reading.marks, reading.tokens)


@given(TEXTS)
@example("")
@example("Prove that the square root of 2 is irrational.")
@example("Which of these is not a prime?\nA. 2\nB. 4\nC. 5\nD. 7")
@example(
    "Ann has 3 apples. She buys 4 more each day. How many apples does she have after 5 days, if she eats one a day?"
)
def test_the_answers_are_numpys(text: str):
    """Log-odds and probabilities of every task, for prompts of every form."""
    shipped = load()._scorer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "library", lambda: None)
        plain = heads.Heads(shipped.tables)
    compiled, reading = heads.Heads(shipped.tables), read(text)
    given_to_both = shape(reading), structure(reading, shipped.matcher), [0.1 * n for n in range(1 + len(TASKS))]
    expected = plain.answer(*given_to_both)
    assert compiled.answer(*given_to_both) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert sum(expected[1:]) == pytest.approx(1)


def test_an_unknown_form_is_not_answered(compiled: ctypes.PyDLL):
    """Nothing is read beyond the weights."""
    both = load()._scorer._heads
    answers = (ctypes.c_double * (1 + len(TASKS)))(5.0)
    for form in (-1, len(FORMS)):
        assert compiled.shunt_answer(both._plan, form, b"", answers) == 0
    assert answers[0] == 5.0


@pytest.mark.parametrize(("bits", "columns"), [(19, 1), (-1, 1), (18, 0), (18, 33), (18, -1)])
def test_a_table_of_no_known_size_is_left_alone(compiled: ctypes.PyDLL, bits: int, columns: int):
    """Nothing is read or written by a size that cannot be."""
    totals = (ctypes.c_double * 2)(5.0, 5.0)
    tables = (ngram_tables.Table * 2)((TABLES[0].ctypes.data, 18, 1), (None, bits, columns))
    assert compiled.shunt_weigh(b"", 0, b"", 0, None, tables, 2, totals) == 0
    assert list(totals) == [5.0, 5.0]


def test_more_than_fits_is_left_out(compiled: ctypes.PyDLL):
    """What says more words and characters than any reading has is read up to the bound, and no further."""
    totals = (ctypes.c_double * 1)()
    codes, words = ("ab" * 40_000).encode("utf-32-le"), b" ".join(b"%d" % number for number in range(30_000))
    folded, tables = ngram_tables.FOLDED.ctypes.data, (ngram_tables.Table * 1)((TABLES[0].ctypes.data, 18, 1))
    assert compiled.shunt_weigh(codes, len(codes) // 4, words, len(words), folded, tables, 1, totals) == 1
