"""The arithmetic over the fitted pipelines' arrays: what serves.

Nothing here imports scikit-learn or scipy, which would cost the serving process most of its memory.
"""

from classifiers.cues import CueMatcher
from classifiers.heads import Heads
from classifiers.ngram_tables import NgramTables
from classifiers.reading import Reading, instruction
from classifiers.shape import FORMS, SHAPE, shape
from classifiers.structure import names, structure
from classifiers.tables import Tables, unpack_lexicon


class Scorer:
    """Reads no files and keeps no state between calls: any number of threads may share one."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.matcher = CueMatcher(unpack_lexicon(tables.lexicon))
        if len(tables.structure) != len(names(self.matcher)):
            raise ValueError("made for other features than this version's; train it again")
        if tables.scales.shape != (4, len(SHAPE)) or tables.shape.shape != (len(FORMS), 3 * len(SHAPE)):
            raise ValueError("made for other shapes than this version's; train it again")
        self._words = [NgramTables(row[:, None]) for row in tables.words]
        self._task_words = NgramTables(tables.task_words)
        self._both = [NgramTables(row[:, None], tables.task_words) for row in tables.words]
        self._heads = Heads(tables)

    def answer(self, reading: Reading) -> list[float]:
        """Log-odds that the large model is needed, then one probability for each task."""
        asked, found = instruction(reading), shape(reading)
        if asked is reading:
            words = self._both[found.form].sums(reading)
        else:
            words = self._words[found.form].sums(reading) + self._task_words.sums(asked)
        return self._heads.answer(found, structure(asked, self.matcher), words)
