"""What the classifier answers: values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """`score` is P(the large model is needed), 0..1: one minus P(the small model is good enough)."""

    score: float
    task: str
    task_probability: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """How far one thing about the prompt moved the score, in log-odds; above zero speaks for the large model."""

    words: str
    log_odds: float
