"""The two pipelines, difficulty and task, with the settings that ship. Imported for training only, never to serve."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from classifiers.cues import Lexicon
from classifiers.features import HashedNgrams, Reader, Structure
from classifiers.gain import GainRegressor
from classifiers.ngrams import BITS

TASK_BITS = 15
DIFFICULTY_STRUCTURE = 3.0
TASK_STRUCTURE = 1.0


def difficulty_pipeline(lexicon: Lexicon) -> Pipeline:
    """Texts to the expected gain of the large model."""
    return Pipeline(
        [("read", Reader()), ("features", _features(lexicon, BITS, DIFFICULTY_STRUCTURE)), ("head", GainRegressor())]
    )


def task_pipeline(lexicon: Lexicon) -> Pipeline:
    """Texts to one of `tasks.TASKS`."""
    head = LogisticRegression(C=3.0, max_iter=300, tol=1e-3)
    return Pipeline([("read", Reader()), ("features", _features(lexicon, TASK_BITS, TASK_STRUCTURE)), ("head", head)])


def _features(lexicon: Lexicon, bits: int, structure: float) -> FeatureUnion:
    # The factor on the structural numbers is their prior: how much they may move beside 2^bits words.
    steps = [("ngrams", HashedNgrams(bits)), ("structure", Structure(lexicon))]
    return FeatureUnion(steps, transformer_weights={"structure": structure})
