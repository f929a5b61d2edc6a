"""The two pipelines, difficulty and task, with the settings that ship. Imported for training only, never to serve."""

from collections.abc import Mapping

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from classifiers.cues import Lexicon
from classifiers.features import HashedNgrams, Reader, Structure
from classifiers.gain import GainRegressor
from classifiers.ngrams import BITS

TASK_BITS = 15

# Factors on the features are their priors: how much words may move the score beside what a prompt asks for and how it
# is built. Words carry a benchmark's own topics, which do not transfer to other prompts.
DIFFICULTY_PRIORS = {"ngrams": 0.4, "structure": 1.0}
TASK_PRIORS = {"ngrams": 1.0, "structure": 1.0}


def difficulty_pipeline(lexicon: Lexicon) -> Pipeline:
    """Texts to the expected gain of the large model. The last column says whether a prompt is open."""
    head = GainRegressor(C=0.02, level=-1)
    return Pipeline([("read", Reader()), ("features", _features(lexicon, BITS, DIFFICULTY_PRIORS)), ("head", head)])


def task_pipeline(lexicon: Lexicon) -> Pipeline:
    """Texts to one of `tasks.TASKS`."""
    head = LogisticRegression(C=3.0, max_iter=200, tol=1e-3)
    return Pipeline([("read", Reader()), ("features", _features(lexicon, TASK_BITS, TASK_PRIORS)), ("head", head)])


def _features(lexicon: Lexicon, bits: int, priors: Mapping[str, float]) -> FeatureUnion:
    steps = [("ngrams", HashedNgrams(bits)), ("structure", Structure(lexicon))]
    return FeatureUnion(steps, transformer_weights=dict(priors))
