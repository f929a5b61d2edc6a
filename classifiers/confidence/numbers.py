"""What the second stage sees besides words: five numbers, each on a scale where equal steps mean equal evidence."""

import math

from classifiers.calibration import log_odds

NAMES = ("prompt", "prompt length", "first tokens", "whole answer", "answer length")
SUREST = -1e-7
"""Mean log-probability above which a model counts as sure: the log-odds stay finite."""


def numbers(
    prompt: str, score: float, first: float, whole: float | None, tokens: int
) -> tuple[float, float, float, float, float]:
    """Log-odds that the large model is needed, of the confidence at first and in all; logs of both lengths.

    `first` and `whole` are mean log-probabilities per token (natural, at most 0) of the first tokens and of the whole
    answer; while only the first are there, `whole` is None and they stand for it. `tokens` is the answer's length so far;
    the prompt's counts in characters.
    """
    start = confidence(first)
    known = start if whole is None else confidence(whole)
    return (log_odds(score), math.log1p(len(prompt)), start, known, math.log1p(max(tokens, 0)))


def confidence(mean_log_probability: float) -> float:
    """The log-odds of a geometric mean probability per token."""
    kept = min(mean_log_probability, SUREST)
    return kept - math.log(-math.expm1(kept))
