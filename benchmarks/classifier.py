"""CPU of one judgement: by kind of prompt, beside scikit-learn's own prediction, and what the classifier costs to load."""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.classifier_memory import measure as memory
from benchmarks.pace import reference_ms
from benchmarks.prompts import prompts
from classifiers import Classifier, load

ROUNDS = 7
REPEATS = 100
WORDS = 100
TEXTS = 24
SENTENCE = (
    "Could you please look at the orders of last month and explain why two of the totals are off by a few cents? "
)

Call = Callable[[str], object]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How often everything is measured."""
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"default: {ROUNDS}")


def run(options: argparse.Namespace) -> dict[str, object]:
    """Microseconds of CPU for each judgement; milliseconds to load, and kilobytes."""
    start = time.process_time()
    classifier = load()
    spent_ms = (time.process_time() - start) * 1e3
    return {
        "artifact": classifier.version,
        "load_cpu_ms": round(spent_ms, 1),
        "memory_kb": memory(),
        "judge_cpu_us": {name: _cost(classifier.judge, text) for name, text in kinds().items()},
        "hundred_words": compare(classifier, options.rounds),
    }


def compare(classifier: Classifier, rounds: int) -> dict[str, Any]:
    """Different prompts of 100 words: what serves, the pipelines that it came from, and TF-IDF with a logistic head.

    Each round measures all of them one right after the other, with the machine's pace (`benchmarks.pace`) before.
    """
    texts = hundred_words()
    calls = _rivals() | {"compiled": classifier.judge}
    found = []
    for _ in range(rounds):
        pace = 1e3 * reference_ms()
        costs = {name: _median(call, texts) for name, call in calls.items()}
        found.append({"reference_us": pace, **costs})
    names = ("reference_us", *calls)
    return {
        "prompts": len(texts),
        "median_us": {name: round(statistics.median(each[name] for each in found), 1) for name in names},
        "lowest_us": {name: round(min(each[name] for each in found), 1) for name in names},
        "rounds": found,
    }


def hundred_words() -> list[str]:
    """Different prompts, each cut to 100 words."""
    words = (prompt.split() for prompt in prompts())
    return [" ".join(each[:WORDS]) for each in words if len(each) >= WORDS][:TEXTS]


def _rivals() -> dict[str, Call]:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - a second to import
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline, make_union  # noqa: PLC0415

    from classifiers.artifact import PIPELINES, SHIPPED  # noqa: PLC0415
    from classifiers.examples import hand_written  # noqa: PLC0415
    from classifiers.training import load_pipelines  # noqa: PLC0415

    examples = hand_written()
    texts, hard = [example.prompt for example in examples], [example.gain > 0.5 for example in examples]
    words = TfidfVectorizer(ngram_range=(1, 2))
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))
    of_words = make_pipeline(words, LogisticRegression()).fit(texts, hard)
    of_both = make_pipeline(make_union(TfidfVectorizer(ngram_range=(1, 2)), characters), LogisticRegression())
    of_both.fit(texts, hard)
    difficulty, task = load_pipelines(SHIPPED / PIPELINES)
    return {
        "scikit_learn_pipelines": lambda text: (difficulty.predict([text]), task.predict_proba([text])),
        "tfidf_words_predict_proba": lambda text: of_words.predict_proba([text]),
        "tfidf_words_and_characters_predict_proba": lambda text: of_both.predict_proba([text]),
    }


def lines(result: dict[str, Any]) -> list[str]:
    """The result for a terminal."""
    kinds = [
        f"{name:12} {cost['p50']:>7} us p50 {cost['p99']:>7} us p99" for name, cost in result["judge_cpu_us"].items()
    ]
    found = result["hundred_words"]
    costs = [f"{name:42} {found['median_us'][name]:>8} us, lowest {us:>8}" for name, us in found["lowest_us"].items()]
    held = ", ".join(f"{name} {kilobytes}" for name, kilobytes in result["memory_kb"].items())
    return [
        *kinds,
        f"memory: {held}",
        f"{found['prompts']} different prompts of {WORDS} words, medians by round:",
        *costs,
    ]


def kinds() -> dict[str, str]:
    """Prompts of every kind and length, each with its name."""
    words = " ".join((SENTENCE * 5).split()[:WORDS])
    return {
        "two words": "hello there",
        "100 words": words,
        "20000 words": words * 200,
        "ideographs": "证明根号二是无理数并且说明理由。" * 500,
        "punctuation": "?!(){}" * 2_000,
        "emoji": "🙂🔥" * 5_000,
        "white space": " " * 1_000_000,
    }


def _cost(call: Call, text: str) -> dict[str, float]:
    spent = sorted(_microseconds(call, text) for _ in range(REPEATS))
    return {"p50": round(spent[REPEATS // 2], 1), "p99": round(spent[REPEATS * 99 // 100], 1)}


def _median(call: Call, texts: Sequence[str]) -> float:
    return statistics.median(_microseconds(call, text) for text in texts)


def _microseconds(call: Call, text: str) -> float:
    start = time.thread_time_ns()
    call(text)
    return (time.thread_time_ns() - start) / 1e3
