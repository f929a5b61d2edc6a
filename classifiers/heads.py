"""Both heads: from sums of n-grams' weights and the numbers of a text to log-odds and probabilities.

One call of compiled code where that was built, and else numpy: a dozen small calls of numpy would take half as long as
everything else.
"""

import ctypes
from collections.abc import Sequence
from struct import Struct

import numpy as np

from classifiers.native import library
from classifiers.shape import BOUND, FORMS, OPEN, PRIORS, SHAPE, Shape, bounded, origins
from classifiers.tables import Tables


class _Heads(ctypes.Structure):
    """As in `native.cpp`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("origins", "steepness", "shape", "bias")),
        *((name, ctypes.c_void_p) for name in ("structure", "task_structure", "task_bias")),
        ("bound", ctypes.c_double),
        *((name, ctypes.c_int32) for name in ("forms", "numbers", "structural", "tasks", "open")),
    )


class Heads:
    """The weights of `tables` beside those of n-grams."""

    def __init__(self, tables: Tables) -> None:
        weights = tables.shape * np.repeat(PRIORS, len(SHAPE))
        of_shape = (*origins(tables.scales), weights, tables.bias)
        of_asked = (tables.structure, tables.task_structure, tables.task_bias)
        self._arrays = [np.ascontiguousarray(each, dtype=np.float64) for each in (*of_shape, *of_asked)]
        structural, tasks = tables.task_structure.shape
        sizes = (len(FORMS), len(SHAPE), structural, tasks, OPEN)
        self._plan = ctypes.byref(_Heads(*(array.ctypes.data for array in self._arrays), BOUND, *sizes))
        self._pack = Struct(f"{1 + tasks + len(SHAPE) + structural}d").pack
        self._answers = ctypes.c_double * (1 + tasks)
        self._library = library()

    def answer(self, shape: Shape, structure: Sequence[float], words: Sequence[float]) -> list[float]:
        """Log-odds that the large model is needed, then one probability for each task; `words` has a sum for each of these."""
        if self._library is None:
            return self._by_numpy(shape, structure, words)
        answers = self._answers()
        self._library.shunt_answer(self._plan, shape.form, self._pack(*words, *shape.numbers, *structure), answers)
        return list(answers[:])

    def _by_numpy(self, shape: Shape, structure: Sequence[float], words: Sequence[float]) -> list[float]:
        starts, steepness, weights, bias, of_structure, of_tasks, task_bias = self._arrays
        seen = np.array(structure)
        built = bounded(np.array(shape.numbers), starts, steepness).ravel() @ weights[shape.form]
        asked = seen @ of_structure if shape.form == OPEN else 0.0
        logits = seen @ of_tasks + words[1:] + task_bias
        odds = np.exp(logits - logits.max())
        return [float(words[0] + built + asked + bias[shape.form]), *(odds / odds.sum()).tolist()]
