"""The difficulty classifier as the router sees it: judge a text, and say why."""

from classifiers.calibration import logistic
from classifiers.compiled import Scorer
from classifiers.explanation import explain
from classifiers.judgement import Contribution, Judgement
from classifiers.reading import read
from classifiers.tables import Tables
from classifiers.tasks import TASKS


class Classifier:
    """A loaded artifact. Pure: no state between calls, no thread, no lock, no file.

    One that `is_taught` has learned from the user's prompts, so that only those `held_out` can judge it.
    """

    def __init__(self, tables: Tables, *, version: str, threshold: float, is_taught: bool = False) -> None:
        self.version = version
        self.threshold = threshold
        self.is_taught = is_taught
        self._scorer = Scorer(tables)

    def judge(self, text: str) -> Judgement:
        """Score and label one text of any length; microseconds of CPU."""
        log_odds, *tasks = self._scorer.answer(read(text))
        surest = max(tasks)
        return Judgement(logistic(log_odds), TASKS[tasks.index(surest)], surest)

    def explain(self, text: str) -> tuple[Contribution, ...]:
        """Everything that moved the score, the strongest first; the log-odds add up to those of the score."""
        return explain(self._scorer, read(text))
