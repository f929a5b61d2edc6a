"""The difficulty classifier: P(the small model is good enough), a task label, and why."""

from classifiers import conversation
from classifiers.artifact import ArtifactError, load
from classifiers.classifier import Classifier
from classifiers.judgement import Contribution, Judgement
from classifiers.lines import score_lines
from classifiers.tasks import TASKS

__all__ = [
    "TASKS",
    "ArtifactError",
    "Classifier",
    "Contribution",
    "Judgement",
    "conversation",
    "load",
    "score_lines",
]
