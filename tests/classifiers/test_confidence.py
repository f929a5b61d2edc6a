"""The second stage: a pure function that says what was learned, to the last digit, and refuses what was altered."""

import base64
import json
import math
import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers import load
from classifiers.confidence import PRIOR, SecondStage, StageError, load_stage, stage_file
from classifiers.confidence.estimator import GoodEnough
from classifiers.confidence.learning import Answered, learn, read_answers
from classifiers.confidence.numbers import numbers
from classifiers.confidence.selection import fitted as selected
from classifiers.confidence.words import BITS, STEPS, pack, unpack
from classifiers.features import weighed
from classifiers.ngrams import BITS as MOST_BITS
from classifiers.outcomes import DataError
from classifiers.protocol import calibration_error
from classifiers.reading import read
from tests.classifiers.traffic import traffic

WORDS = ("alpha", "beta", "gamma", "delta", "river", "stone")
logs = st.floats(-1000, 0)
prompts = st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
seen = st.tuples(prompts, st.floats(0, 1), logs, st.none() | logs, st.integers(0, 100_000))


def asked(size: int, seed: int = 0) -> list[str]:
    """Prompts of a few words each."""
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=6)) for _ in range(size)]


def fitted(size: int = 2000) -> tuple[GoodEnough, np.ndarray, np.ndarray]:
    """A stage fitted to answers whose truth is a known curve of score and confidence, and worse for an alpha."""
    generator = np.random.default_rng(0)
    texts, score, first = asked(size), generator.random(size), -generator.exponential(0.5, size)
    whole, tokens = first * generator.random(size), generator.integers(1, 300, size)
    rows = np.array([numbers(*row) for row in zip(texts, score, first, whole, tokens.tolist(), strict=True)])
    has_alpha = np.array(["alpha" in text for text in texts])
    truth = 1 / (1 + np.exp(-(1.0 - rows[:, 0] + 0.6 * np.minimum(rows[:, 3], 1) - 1.5 * has_alpha)))
    grams = weighed(map(read, texts), BITS)
    return GoodEnough().fit(rows, generator.random(size) < truth, grams), rows, truth


FITTED, ROWS, TRUTH = fitted()
STAGE = FITTED.compiled()


@parametrize_with_checks([GoodEnough()])
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    """The estimator obeys scikit-learn's contract."""
    check(estimator)


@given(st.lists(seen, min_size=1, max_size=20))
def test_the_fast_path_gives_the_estimators_number(answers: list[tuple[str, float, float, float | None, int]]):
    """Compiled and fitted agree to 1e-6 for any answer, far outside of what was learned from too."""
    fast = [STAGE.probability(*answer) for answer in answers]
    grams = weighed([read(prompt) for prompt, *_ in answers], BITS)
    slow = FITTED.predict([numbers(*answer) for answer in answers], grams)
    assert np.abs(slow - fast).max() < 1e-6


def test_what_is_learned_is_calibrated():
    """The expected calibration error against the known truth is below 0.05, and close to the truth on average."""
    predicted = FITTED.predict(ROWS, weighed(map(read, asked(len(ROWS))), BITS))
    assert calibration_error(predicted, TRUTH) < 0.05
    assert np.abs(predicted - TRUTH).mean() < 0.06


@given(seen)
def test_a_probability_is_always_one(answer: tuple[str, float, float, float | None, int]):
    """No score, confidence or length gives anything but a number from 0 to 1."""
    for stage in (PRIOR, STAGE):
        assert 0 <= stage.probability(*answer) <= 1


def test_the_prior_says_what_it_assumes():
    """It falls with the score, rises with confidence, ignores length, and is even where its inputs are."""
    half = math.log(0.5)
    assert PRIOR.probability("a", 0.5, half) == pytest.approx(0.5)
    assert PRIOR.probability("a", 0.2, half) > PRIOR.probability("a", 0.8, half)
    assert PRIOR.probability("a", 0.5, -0.01) > PRIOR.probability("a", 0.5, -2.0)
    assert PRIOR.probability("a", 0.5, -0.01, -3.0) < PRIOR.probability("a", 0.5, -0.01)
    assert PRIOR.probability("a", 0.5, -0.1, tokens=1) == PRIOR.probability("a", 0.5, -0.1, tokens=999)
    assert PRIOR.probability("a", 0.5, -0.1) == PRIOR.probability("a long one", 0.5, -0.1)


def test_a_word_that_the_small_model_stumbles_over_is_learned():
    """At the same score and confidence, a prompt with the word that spoils answers is less probably answered well."""
    spoiled = STAGE.probability("alpha beta gamma river stone delta", 0.5, -0.3, -0.2, 100)
    sound = STAGE.probability("delta beta gamma river stone delta", 0.5, -0.3, -0.2, 100)
    assert 0.1 < sound - spoiled < 0.5


@pytest.mark.parametrize("stage", [PRIOR, STAGE], ids=["prior", "fitted"])
def test_a_stage_survives_its_file(tmp_path: Path, stage: SecondStage):
    """What is written is read back equal; its name comes from its coefficients."""
    path = tmp_path / "confidence.json"
    path.write_bytes(stage_file(stage, {"rows": 3}))
    assert load_stage(path) == stage
    assert stage is PRIOR or stage.name.startswith("confidence-")


def test_an_altered_stage_is_refused(tmp_path: Path):
    """One changed coefficient, another format, something else, or nothing at all: refused by name."""
    path = tmp_path / "confidence.json"
    good = json.loads(stage_file(STAGE, {}))
    for content in (
        json.dumps(good | {"bias": 9.0}),
        json.dumps(good | {"words": ""}),
        json.dumps(good | {"format": 1}),
        "[]",
        "nonsense",
        '{"sha256": 1}',
    ):
        path.write_text(content)
        with pytest.raises(StageError, match=r"confidence\.json"):
            load_stage(path)
    with pytest.raises(StageError, match="No such file"):
        load_stage(tmp_path / "none.json")


def test_a_stage_of_other_numbers_is_not_compiled():
    """An estimator fitted to something else than the five numbers is no second stage."""
    with pytest.raises(ValueError, match="fitted to 2 numbers"):
        GoodEnough().fit(ROWS[:, :2], TRUTH).compiled()


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=4))
def test_weights_survive_as_text(weights: list[float]):
    """Each comes back within half a step of the largest, and none of all zeros take any room."""
    packed, grain = pack(np.array(weights))
    if not packed:
        assert grain == 0.0
        return
    assert np.abs(unpack(packed, grain) - weights).max() <= grain * (0.5 + 1e-9)
    assert grain == pytest.approx(max(map(abs, weights)) / STEPS)


@pytest.mark.parametrize(
    "words",
    ["not base64!", base64.b64encode(bytes(3)).decode(), base64.b64encode(bytes(2 << MOST_BITS)).decode()],
    ids=["text", "three", "too many"],
)
def test_weights_that_are_no_table_are_refused(tmp_path: Path, words: str):
    """What is no base64, or no power of two, is refused where the file is read, and not on a request."""
    path = tmp_path / "confidence.json"
    path.write_bytes(stage_file(replace(STAGE, words=words), {}))
    with pytest.raises(StageError, match="not readable as a second stage"):
        load_stage(path)


@pytest.mark.parametrize("tells", [True, False])
def test_the_prompts_score_is_kept_where_it_tells(tells: bool):
    """A score that foretells the outcome has its place in the stage; one that is noise counts for nothing in it."""
    generator = np.random.default_rng(3)
    size = 600
    score = generator.uniform(0.01, 0.99, size)
    texts = asked(size, seed=1)
    rows = np.array([numbers(text, value, -0.2, None, 20) for text, value in zip(texts, score, strict=True)])
    good = generator.random(size) > (score if tells else 0.5)
    stage = selected(rows, good.astype(float), [read(text) for text in texts]).compiled()
    easy, hard = (stage.probability(texts[0], value, -0.2, None, 20) for value in (0.05, 0.95))
    assert easy > hard + 0.5 if tells else easy == hard
    unscored = selected(rows, good.astype(float), [read(text) for text in texts], is_scored=False).compiled()
    assert unscored.probability(texts[0], 0.05, -0.2, None, 20) == unscored.probability(texts[0], 0.95, -0.2, None, 20)


def answers(size: int = 400, *, telling: bool = True) -> list[Answered]:
    """Answers whose confidence tells which are wrong, or says nothing."""
    generator = random.Random(1)
    found = []
    for row in traffic(size, noise=0.0):
        is_sure = (row.gain < 0.5) if telling else generator.random() < 0.5
        # A scale of its own, which no prior can know.
        first = -0.001 * generator.random() if is_sure else -0.002 - 0.001 * generator.random()
        found.append(Answered(row, first, None, generator.randrange(5, 90)))
    return found


def test_a_models_own_scale_is_learned():
    """A model that is sure of everything, but a little less of what it gets wrong, is read rightly after teaching."""
    learned = learn(answers(), load(), PRIOR)
    assert learned.comparison.fault is None
    assert learned.comparison.log_loss_difference.high < 0
    assert learned.stage.probability("Say hello", 0.3, -0.0005) > 0.9
    assert learned.stage.probability("Say hello", 0.3, -0.0025) < 0.1
    assert asdict(learned.stage)["name"] == learned.stage.name != replace(learned.stage, bias=0.0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "first must be a mean log-probability"),
        ({"first": 0.5}, "first must be"),
        ({"first": -0.1, "whole": "x"}, "whole must be"),
        ({"first": -0.1, "tokens": -1}, "tokens must be"),
        ({"first": -0.1, "small": 3}, "small must be a score"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, object], reason: str):
    """File, line and reason, as for every data file."""
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"prompt": "p", "small": 1, "large": 1} | row))
    with pytest.raises(DataError, match=rf"answers\.jsonl, line 1: .*{reason}"):
        read_answers(path)


def test_rows_are_read(tmp_path: Path):
    """What may be left out may be left out."""
    path = tmp_path / "answers.jsonl"
    path.write_text('{"prompt": "p", "small": 1, "large": 1, "first": -0.5}\n')
    found = read_answers(path)[0]
    assert (found.first, found.whole, found.tokens, found.outcome.prompt) == (-0.5, None, 0, "p")
