"""Choosing tokens: the filters, the penalties, the seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine.sampling import Sampler, Scratch, draw, draw_any, nucleus_cut
from router.engine.wire import Sampling

NOTHING = np.empty(0, np.int32)
VOCAB = 50


def row_of(seed: int, spread: float = 3.0) -> np.ndarray:
    """Logits that are the same for the same seed."""
    return (np.random.default_rng(seed).standard_normal(VOCAB) * spread).astype(np.float32)


def choices(sampling: Sampling, row: np.ndarray, count: int = 400, **more) -> list[int]:
    """The tokens drawn from the same row again and again."""
    sampler, scratch = Sampler(sampling, 0, NOTHING, **more), Scratch(VOCAB)
    return [sampler.choose(row.copy(), int(row.argmax()), scratch) for _ in range(count)]


def allowed(row: np.ndarray, sampling: Sampling) -> set[int]:
    """The tokens that the filters leave, computed the slow and obvious way."""
    scaled = row.astype(np.float64) / sampling.temperature
    probabilities = np.exp(scaled - scaled.max())
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities)
    if sampling.top_k:
        order = order[: sampling.top_k]
    mass = probabilities[order] / probabilities[order].sum()
    kept = order[: int(np.searchsorted(np.cumsum(mass), sampling.top_p)) + 1] if sampling.top_p < 1 else order
    return {int(token) for token in kept if probabilities[token] >= sampling.min_p * probabilities.max()}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.2, 2.0),
    st.floats(0.05, 0.999),
    st.integers(0, 60),
    st.sampled_from([0.0, 0.02, 0.3]),
)
def test_only_what_the_filters_leave_is_drawn(seed, temperature, top_p, top_k, min_p):
    """No token outside temperature, top_k, top_p and min_p is ever drawn."""
    sampling = Sampling(temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, seed=1)
    row = row_of(seed)
    outside = set(choices(sampling, row, 60)) - allowed(row, sampling)
    # At the very edge of the nucleus single precision may include one token more.
    assert len(outside) <= 1


def test_frequencies_are_the_softmax():
    """Without filters, tokens come as often as the softmax says."""
    row = row_of(3, 1.0)
    drawn = np.bincount(choices(Sampling(seed=5), row, 20_000), minlength=VOCAB) / 20_000
    expected = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
    assert np.abs(drawn - expected).max() < 0.012


def test_temperature_zero_is_the_argmax():
    """Greedy decoding takes the likeliest token."""
    row = row_of(9)
    assert {int(row.argmax())} == set(choices(Sampling(temperature=0), row, 5))


def test_a_seed_gives_the_same_tokens():
    """The same seed draws the same tokens; another seed, or another choice of the request, other ones."""
    row = row_of(1, 1.0)
    first = choices(Sampling(seed=7), row, 50)
    assert first == choices(Sampling(seed=7), row, 50)
    assert first != choices(Sampling(seed=8), row, 50)
    second_choice = Sampler(Sampling(seed=7), 1, NOTHING)
    scratch = Scratch(VOCAB)
    assert first != [second_choice.choose(row.copy(), int(row.argmax()), scratch) for _ in range(50)]


def test_negative_and_huge_seeds_are_seeds():
    """Any integer is a seed of its own."""
    row = row_of(1, 1.0)
    assert choices(Sampling(seed=-7), row, 50) != choices(Sampling(seed=7), row, 50)
    assert choices(Sampling(seed=2**80), row, 5) == choices(Sampling(seed=2**80), row, 5)


def test_logit_bias_forces_and_forbids():
    """A bias of +100 makes a token certain, one of -100 impossible."""
    row = row_of(2)
    best = int(row.argmax())
    assert {3} == set(choices(Sampling(logit_bias={3: 100.0}, seed=1), row, 50))
    assert best not in choices(Sampling(logit_bias={best: -100.0}, seed=1), row, 50)


def test_banned_tokens_are_never_drawn():
    """Under ignore_eos the end tokens do not come, even when they are the likeliest."""
    row = row_of(2)
    best = int(row.argmax())
    drawn = choices(Sampling(temperature=0), row, 3, banned=np.array([best], np.int32))
    assert {int(np.argsort(-row)[1])} == set(drawn)


def test_frequency_penalty_counts():
    """Each time a token came it costs more; presence costs once. OpenAI's formula."""
    row = np.zeros(VOCAB, np.float32)
    row[4] = 1.0
    sampler, scratch = (
        Sampler(Sampling(temperature=0, frequency_penalty=0.6, presence_penalty=0.1), 0, NOTHING),
        Scratch(VOCAB),
    )
    first = sampler.choose(row.copy(), 4, scratch)
    changed = row.copy()
    second = sampler.choose(changed, 4, scratch)
    third = sampler.choose(row.copy(), 4, scratch)
    assert (4, 4) == (first, second)
    assert changed[4] == pytest.approx(0.3)
    assert third != 4


def test_repeat_penalty_sees_the_prompt():
    """The repeat penalty divides the positive logits of tokens of the prompt, and multiplies the negative ones."""
    row = np.zeros(VOCAB, np.float32)
    row[4], row[5] = 1.0, -1.0
    sampler = Sampler(Sampling(temperature=0, repeat_penalty=2.0), 0, np.array([4, 5], np.int32))
    sampler.choose(row, 4, Scratch(VOCAB))
    assert (0.5, -2.0) == (row[4], row[5])


class OnlyEven:
    """A grammar that allows even tokens, and remembers what came."""

    def __init__(self, possible=range(0, VOCAB, 2)) -> None:
        self.possible = set(possible)
        self.came: list[int] = []
        self.masked = 0

    def allows(self, token: int) -> bool:
        return token in self.possible

    def mask(self, row: np.ndarray) -> None:
        self.masked += 1
        row[[token for token in range(VOCAB) if token not in self.possible]] = -np.inf

    def accept(self, token: int) -> None:
        assert self.allows(token)
        self.came.append(token)


def test_a_grammar_gets_the_likeliest_token_it_allows():
    """Greedy decoding under a grammar takes the likeliest allowed token, found without asking about all when near."""
    row = row_of(6)
    grammar, sampler = OnlyEven(), Sampler(Sampling(temperature=0), 0, NOTHING)
    token = sampler.choose(row.copy(), int(row.argmax()), Scratch(VOCAB), grammar)
    assert max(range(0, VOCAB, 2), key=lambda one: row[one]) == token
    assert [token] == grammar.came


def test_a_grammar_far_from_the_likeliest_is_asked_about_all():
    """When the first guesses are refused the whole vocabulary is asked once, and the answer is still the best allowed."""
    row = row_of(6)
    worst = int(row.argmin())
    grammar, sampler = OnlyEven({worst}), Sampler(Sampling(seed=1), 0, NOTHING)
    assert worst == sampler.choose(row.copy(), int(row.argmax()), Scratch(VOCAB), grammar)
    assert 1 == grammar.masked


def test_a_grammar_that_allows_nothing_ends_the_answer():
    """No allowed token is -1, not a wrong token."""
    row = row_of(6)
    sampler = Sampler(Sampling(seed=1), 0, NOTHING)
    assert sampler.choose(row, int(row.argmax()), Scratch(VOCAB), OnlyEven(())) == -1


@given(st.lists(st.floats(2.0**-20, 1.0, width=32), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_the_nucleus_holds_its_share_and_no_more(weights, share):
    """The weights from the cut up hold the share; those strictly above it do not."""
    array = np.array(weights, np.float32)
    cut = nucleus_cut(array, share)
    wanted = share * float(array.sum(dtype=np.float64))
    assert float(array[array >= np.float32(cut)].sum(dtype=np.float64)) >= wanted * (1 - 1e-6)
    assert float(array[array > np.float32(cut)].sum(dtype=np.float64)) < wanted * (1 + 1e-6)


@given(st.integers(0, 10_000), st.integers(1, 3000), st.floats(0, 1, exclude_max=True))
def test_drawing_by_blocks_is_drawing(seed, vocab, point):
    """A point falls on the same token whether all weights are added up or only blocks of them."""
    weights = np.random.default_rng(seed).random(vocab).astype(np.float32)
    weights[::3] = 0
    weights[-1] = 0.5
    scratch = Scratch(vocab)
    scratch.weights[:] = weights
    found, exact = draw_any(scratch.blocks, point), draw(weights, point)
    assert weights[found] > 0
    # Single precision in the sums of blocks may move a border by a hair.
    assert abs(float(weights[:found].sum()) - float(weights[:exact].sum())) < 1e-3 * float(weights.sum()) + 1
