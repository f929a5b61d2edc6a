"""The vocabulary, and that llama.cpp reads the exported one token for token alike."""

import random

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.builtin import MODEL_PATH
from router.builtin.recipe import mixture
from router.builtin.recipe.vocabulary import BYTE_OFFSET, SPACE, Vocabulary, chunks, learn

TEXTS = ["the cat sat on the mat", "the Cat sat 12 times", "a cat, a mat: the end"] * 5
LEARNED = learn(TEXTS, 420)


@pytest.fixture(scope="module")
def exported() -> Vocabulary:
    """The vocabulary of the committed GGUF file."""
    field = gguf.GGUFReader(MODEL_PATH).fields["tokenizer.ggml.tokens"]
    return Vocabulary(field.contents()[BYTE_OFFSET + 256 :])


def test_frequent_words_become_one_piece():
    """Merging joins what is seen often."""
    assert len(LEARNED.encode("the cat")) == 2


def test_a_digit_is_always_a_piece_of_its_own():
    """Numbers are read digit by digit."""
    assert len(LEARNED.encode("12")) == 2


def test_a_capitalised_word_is_the_same_pieces_after_a_space_and_after_a_quote():
    """Copying a name into JSON copies its tokens."""
    assert LEARNED.encode(" Cat")[1:] == LEARNED.encode('"Cat')[1:]


@given(st.text())
def test_any_text_survives_encoding(text):
    """Encoding and decoding give the text back, byte by byte where no piece fits."""
    assert text.replace(SPACE, " ") == LEARNED.decode(LEARNED.encode(text))


@given(st.text())
def test_chunks_are_the_whole_text(text):
    """Nothing is lost or doubled at the borders."""
    assert text == "".join(chunks(text))


@settings(deadline=None)
@given(text=st.text(max_size=200))
def test_llama_cpp_reads_any_text_alike(model, exported, text):
    """Token for token the recipe's encoder and llama.cpp's agree on arbitrary Unicode."""
    assert exported.encode(text) == model.tokenize(text.encode(), add_bos=False, special=False)


def test_llama_cpp_reads_the_recipes_text_alike(model, exported):
    """The same on the text the model was trained on."""
    for number in random.Random(5).sample(range(10**6), 100):
        for turn in mixture.example(f"8:{number}").turns:
            for text in (turn.prompt, turn.answer):
                assert exported.encode(text) == model.tokenize(text.encode(), add_bos=False, special=False)
