"""The difficulty classifier as the router sees it: judge a text, and say why."""

import math

from classifiers.compiled import Scorer, Tables
from classifiers.explanation import explain
from classifiers.judgement import Contribution, Judgement
from classifiers.reading import read
from classifiers.tasks import TASKS


class Classifier:
    """A loaded artifact. Pure: no state between calls, no thread, no lock, no file."""

    def __init__(self, tables: Tables, *, version: str, threshold: float) -> None:
        self.version = version
        self.threshold = threshold
        self._scorer = Scorer(tables)

    def judge(self, text: str) -> Judgement:
        """Score and label one text of any length; microseconds of CPU."""
        evidence = self._scorer.evidence(read(text))
        score = 1 / (1 + math.exp(-self._scorer.log_odds(evidence)))
        tasks = self._scorer.task_probabilities(evidence)
        best = int(tasks.argmax())
        return Judgement(score, TASKS[best], float(tasks[best]))

    def explain(self, text: str) -> tuple[Contribution, ...]:
        """Everything that moved the score, the strongest first; the log-odds add up to those of the score."""
        return explain(self._scorer, read(text))
