"""What is compiled counts and sums as Python and numpy do, whatever the text, and reads nothing that is not there."""

import ctypes
import shutil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers import ngram_table, survey
from classifiers.native import library
from classifiers.ngram_table import NgramTable
from classifiers.reading import read

RANDOM = np.random.default_rng(7)
TABLES = [RANDOM.normal(size=(1 << bits, columns)).astype(np.float32) for bits, columns in ((18, 1), (12, 11), (0, 3))]
COMPILED = [NgramTable(table) for table in TABLES]
TEXTS = st.text(alphabet=st.characters(), max_size=300) | st.text(alphabet="ab1 .é证🙂\u0663", max_size=5000)


@pytest.fixture(scope="module")
def by_numpy() -> list[NgramTable]:
    """The same tables where nothing was compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_table, "library", lambda: None)
        return [NgramTable(table) for table in TABLES]


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
def test_the_sums_are_numpys(by_numpy: list[NgramTable], text: str):
    """To the rounding of 32-bit floats."""
    reading = read(text)
    for compiled, plain in zip(COMPILED, by_numpy, strict=True):
        np.testing.assert_allclose(plain.sums(reading), compiled.sums(reading), rtol=1e-4, atol=1e-4)


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


@pytest.mark.parametrize(("bits", "columns"), [(19, 1), (-1, 1), (18, 0), (18, 33), (18, -1)])
def test_a_table_of_no_known_size_is_left_alone(compiled: ctypes.PyDLL, bits: int, columns: int):
    """Nothing is read or written by a size that cannot be."""
    totals = (ctypes.c_double * 2)(5.0, 5.0)
    assert compiled.shunt_weigh(b"", 0, b"", 0, None, None, bits, columns, totals) == 0
    assert list(totals) == [5.0, 5.0]


def test_more_than_fits_is_left_out(compiled: ctypes.PyDLL):
    """What says more words and characters than any reading has is read up to the bound, and no further."""
    totals = (ctypes.c_double * 1)()
    codes, words = ("ab" * 40_000).encode("utf-32-le"), b" ".join(b"%d" % number for number in range(30_000))
    folded, weights = ngram_table.FOLDED.ctypes.data, TABLES[0].ctypes.data
    assert compiled.shunt_weigh(codes, len(codes) // 4, words, len(words), folded, weights, 18, 1, totals) == 1
