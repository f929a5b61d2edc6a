"""The report on labelled prompts: RouteLLM's figures with honest intervals, for whoever asks and in every group."""

import math

import numpy as np

from classifiers.bootstrap import interval
from classifiers.measuring import SHARES, measure, script
from classifiers.outcomes import Outcome
from classifiers.protocol import apgr

GENERATOR = np.random.default_rng(5)
ROWS = [
    Outcome("a" * int(GENERATOR.integers(5, 90)), float(hard < 0.5), 1.0, "code" if hard > 0.9 else None,
            "de" if hard < 0.4 else None, 0.0, 0.002)
    for hard in GENERATOR.random(300)
]  # fmt: skip
GOOD = [row.gain + 0.2 * float(GENERATOR.random()) for row in ROWS]


def test_figures_are_the_protocols_own():
    """APGR is what the protocol gives for the same rows, its interval is around it, and length is beside it."""
    report = measure(ROWS, GOOD, ["chat"] * len(ROWS))
    assert report.router.apgr.value == apgr(GOOD, [row.small for row in ROWS], [row.large for row in ROWS])
    assert report.router.apgr.low <= report.router.apgr.value <= report.router.apgr.high
    assert report.length.apgr.low < 0.5 < report.length.apgr.high


def test_the_curve_runs_from_small_to_large():
    """At no large calls the small model's score and cost, at all of them the large one's, and never down between."""
    report = measure(ROWS, GOOD, ["chat"] * len(ROWS))
    qualities = [step.quality.value for step in report.curve]
    assert [step.share for step in report.curve] == list(SHARES)
    assert (qualities[0], qualities[-1]) == (report.small, report.large)
    assert qualities == sorted(qualities)
    assert [round(step.usd_per_1k.value, 6) for step in report.curve] == [round(2 * share, 6) for share in SHARES]


def test_groups_are_told_apart_where_there_are_enough_rows():
    """A row's own task and language count before the classifier's label and the script; small groups are left out."""
    report = measure(ROWS, GOOD, ["chat"] * len(ROWS))
    assert set(report.by_language) == {"de", "(Latin)"}
    assert "chat" in report.by_task
    assert sum(worth.rows for worth, _ in report.by_language.values()) == len(ROWS)


def test_no_gap_is_no_figure():
    """Where the large model is no better there is nothing to recover, and no number is invented."""
    report = measure([Outcome("a", 1.0, 1.0)] * 40, [0.1] * 40, ["chat"] * 40)
    assert math.isnan(report.router.apgr.value)
    assert str(report.router.apgr) == "-"


def test_scripts_stand_for_languages_that_nobody_names():
    """Kana makes Han Japanese; a text without letters has no script."""
    texts = ("Hello", "Привет", "你好", "こんにちは世界", "안녕", "مرحبا", "नमस्ते", "123")
    assert [script(text) for text in texts] == [
        "(Latin)", "(Cyrillic)", "(Han)", "(kana)", "(Hangul)", "(Arabic)", "(Devanagari)", "(none)",
    ]  # fmt: skip


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Of 100 samples with a known mean about 95 have it in their interval."""
    generator = np.random.default_rng(7)
    covered = 0
    for sample in range(100):
        values = generator.random(80)
        found = interval(lambda rows, values=values: float(values[rows].mean()), 80, rounds=200, seed=sample)
        covered += found.low <= 0.5 <= found.high
    assert 88 <= covered <= 100
