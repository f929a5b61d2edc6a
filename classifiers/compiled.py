"""The fitted pipelines as plain arrays, and the arithmetic over them: what serves.

Nothing here imports scikit-learn or scipy, which would cost the serving process most of its memory.
"""

import io
import json
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from classifiers.cues import CueMatcher, Lexicon
from classifiers.ngram_table import NgramTable
from classifiers.reading import Reading, instruction
from classifiers.shape import FORMS, OPEN, PRIORS, SHAPE, Shape, bounded, origins, shape
from classifiers.structure import names, structure

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tables:
    """Weights of both heads.

    For difficulty `words` has a row for each of `shape.FORMS` and a column for each n-gram bucket, `shape` a row for each
    form and a column for each number of `bend`, which `scales` is for; `bias` has one entry for each form, and
    `structure`, which only open prompts have, one for each number; `typical` are those numbers' means, for explanations.

    The task head's tables have a second axis, one column for each task; its n-gram table may be smaller by a power of 2.
    """

    lexicon: NDArray[np.uint8]
    words: NDArray[np.float32]
    scales: Floats
    shape: Floats
    structure: Floats
    typical: Floats
    bias: Floats
    task_words: NDArray[np.float32]
    task_structure: Floats
    task_bias: Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the heads see of a text; `asked` is its instruction alone."""

    reading: Reading
    asked: Reading
    shape: Shape
    structure: Floats


def pack_lexicon(lexicon: Lexicon) -> NDArray[np.uint8]:
    """The lexicon as bytes, to lie beside the other arrays."""
    return np.frombuffer(json.dumps(lexicon, ensure_ascii=False).encode(), dtype=np.uint8)


def unpack_lexicon(packed: NDArray[np.uint8]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The lexicon back from its bytes."""
    return {name: (says, tuple(stems)) for name, (says, stems) in json.loads(packed.tobytes()).items()}


def to_bytes(tables: Tables) -> bytes:
    """The arrays as the content of an .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{field.name: getattr(tables, field.name) for field in fields(tables)})
    return buffer.getvalue()


def from_bytes(content: bytes) -> Tables:
    """The arrays from the content of an .npz file; never unpickles."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return Tables(**{field.name: stored[field.name] for field in fields(Tables)})


class Scorer:
    """Reads no files and keeps no state between calls: any number of threads may share one."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.matcher = CueMatcher(unpack_lexicon(tables.lexicon))
        if len(tables.structure) != len(names(self.matcher)):
            raise ValueError("made for other features than this version's; train it again")
        if tables.scales.shape != (4, len(SHAPE)) or tables.shape.shape != (len(FORMS), 3 * len(SHAPE)):
            raise ValueError("made for other shapes than this version's; train it again")
        self._words = [NgramTable(row[:, None]) for row in tables.words]
        self._task_words = NgramTable(tables.task_words)
        self._origins = origins(tables.scales)
        self._shape = tables.shape * np.repeat(PRIORS, len(SHAPE))
        self._bias = tables.bias.tolist()

    def evidence(self, reading: Reading) -> Evidence:
        """What the heads see of a reading."""
        asked = instruction(reading)
        return Evidence(reading, asked, shape(reading), structure(asked, self.matcher))

    def log_odds(self, evidence: Evidence) -> float:
        """Log-odds that the large model is needed."""
        form = evidence.shape.form
        (words,) = self._words[form].sums(evidence.reading)
        asked = evidence.structure @ self.tables.structure if form == OPEN else 0.0
        built = bounded(evidence.shape.numbers, *self._origins).ravel() @ self._shape[form]
        return words + float(asked) + float(built) + float(self._bias[form])

    def task_probabilities(self, evidence: Evidence) -> Floats:
        """One probability for each task."""
        logits = self._task_words.sums(evidence.asked) + evidence.structure @ self.tables.task_structure
        logits += self.tables.task_bias
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum(), dtype=np.float64)
