"""The two pipelines, difficulty and task, with the settings that ship. Imported for training only, never to serve."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from classifiers.cues import Lexicon
from classifiers.features import HashedNgrams, Reader, Shapes, Structure
from classifiers.gain import GainRegressor
from classifiers.ngrams import BITS
from classifiers.shape import FORMS, SHAPE

TASK_BITS = 12

# How much words may move the score of each form of prompt, beside its shape. Words carry a benchmark's own topics: many
# rows can teach them (exam questions with options), few cannot (word problems).
WORD_PRIORS = (1.0, 0.02, 0.3)
STRUCTURE_PRIOR = 3.0
STRENGTH = 1 / 300

TASK_STRUCTURE_PRIOR = 2.0


def difficulty_pipeline(lexicon: Lexicon) -> Pipeline:
    """Texts to the expected gain of the large model. The last columns are as `GainRegressor` wants them."""
    steps = [
        ("ngrams", HashedNgrams(BITS, WORD_PRIORS)),
        ("structure", Structure(lexicon, open_only=True)),
        ("shape", Shapes()),
    ]
    features = FeatureUnion(steps, transformer_weights={"structure": STRUCTURE_PRIOR})
    head = GainRegressor(C=STRENGTH, seen=2, forms=len(FORMS), shared=3 * len(SHAPE))
    return Pipeline([("read", Reader()), ("features", features), ("head", head)])


def task_pipeline(lexicon: Lexicon) -> Pipeline:
    """Texts to one of `tasks.TASKS`."""
    steps = [("ngrams", HashedNgrams(TASK_BITS, asked=True)), ("structure", Structure(lexicon))]
    features = FeatureUnion(steps, transformer_weights={"structure": TASK_STRUCTURE_PRIOR})
    head = LogisticRegression(C=3.0, max_iter=200, tol=1e-3)
    return Pipeline([("read", Reader()), ("features", features), ("head", head)])
