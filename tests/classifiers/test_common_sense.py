"""What anyone would expect of a difficulty score, on prompts that it was not fitted on."""

import re

import numpy as np
import pytest

from classifiers import TASKS, load
from classifiers.conversation import user_text
from classifiers.examples import Example, hand_written
from classifiers.protocol import ranking

CLASSIFIER = load()
PROOF = re.compile(
    r"(?i)\bprov[ae]|\bshow that|beweis|zeige, dass|démontr|montre que|demuestra|prueba que|dimostra|докажи|证明|証明|أثبت|برهن"
    r"|증명|bewijs|udowodnij|kan.tla|सिद्ध"
)
HELD_OUT = [example for example in hand_written() if example.held_out]
SMALL_TALK = [example for example in HELD_OUT if example.task == "chat" and not example.gain]


def _score(text: str) -> float:
    return CLASSIFIER.judge(text).score


def test_hard_prompts_rank_above_easy_ones() -> None:
    """On held-out prompts in fifteen languages hard ranks above easy with an AUC of at least .95."""
    scores = [_score(example.prompt) for example in HELD_OUT]
    assert ranking(scores, [example.gain for example in HELD_OUT]) >= 0.95


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "ru", "zh", "ja", "ar"])
def test_every_language_ranks(language: str) -> None:
    """In each of the ten main languages held-out hard prompts rank above easy ones with an AUC of at least .9."""
    chosen = [example for example in HELD_OUT if example.language == language]
    assert ranking([_score(example.prompt) for example in chosen], [example.gain for example in chosen]) >= 0.9


@pytest.mark.parametrize("example", [e for e in SMALL_TALK if len(e.prompt) <= 60], ids=lambda e: ascii(e.prompt))
def test_short_small_talk_stays_small(example: Example) -> None:
    """No held-out greeting or short small talk goes to the large model at the shipped threshold."""
    assert _score(example.prompt) < CLASSIFIER.threshold


def test_nearly_all_small_talk_stays_small() -> None:
    """Of all held-out small talk, whole paragraphs included, at least nine in ten stay small."""
    assert np.mean([_score(example.prompt) < CLASSIFIER.threshold for example in SMALL_TALK]) >= 0.9


@pytest.mark.parametrize(
    "prompt",
    [
        "Prove that the square root of 7 is irrational.",
        "Give a rigorous proof that every bounded monotone sequence converges.",
        "Beweise, dass es keine größte Primzahl gibt.",
        "Démontre que racine de 5 est irrationnelle.",
        "Demuestra que hay infinitos números primos.",
        "Докажи, что корень из трёх иррационален.",
        "证明根号三是无理数。",
        "√3 が無理数であることを証明せよ。",
        "أثبت أن الجذر التربيعي لثلاثة عدد غير نسبي.",
        "Prove que existem infinitos números primos.",
        "My worker pool deadlocks under load about once a day. Find the race condition and fix it.",
    ],
)
def test_proofs_and_race_conditions_are_hard(prompt: str) -> None:
    """A proof or a race condition goes to the large model at the shipped threshold, whatever the language."""
    assert _score(prompt) >= CLASSIFIER.threshold


@pytest.mark.parametrize(
    "prompt", ["hi", "Hello!", "Hallo", "Bonjour", "Hola", "Ciao", "Olá", "Привет", "你好", "こんにちは", "مرحبا"]
)
def test_a_greeting_is_easy_in_any_language(prompt: str) -> None:
    """A greeting stays small in ten languages."""
    assert _score(prompt) < CLASSIFIER.threshold


def test_length_alone_does_not_decide() -> None:
    """On held-out prompts the score ranks far better than length does."""
    hard = [example.gain for example in HELD_OUT]
    by_length = ranking([len(example.prompt) for example in HELD_OUT], hard)
    by_score = ranking([_score(example.prompt) for example in HELD_OUT], hard)
    assert by_score - by_length > 0.1


@pytest.mark.parametrize("follow_up", ["commit it", "go on", "yes, do it"])
def test_a_follow_up_is_as_hard_as_what_it_continues(follow_up: str) -> None:
    """A follow-up goes to the large model after a hard request, and stays small after an easy one and by itself."""
    hard = "My lock-free queue loses items under contention. Find the race condition, fix it and prove the fix correct."
    easy = "What is the capital of France?"
    assert _in_conversation(hard, follow_up) >= CLASSIFIER.threshold
    assert _in_conversation(easy, follow_up) < CLASSIFIER.threshold
    assert _score(follow_up) < CLASSIFIER.threshold


def _in_conversation(first: str, second: str) -> float:
    turns = [("user", first), ("assistant", "Sure, here is what I would do."), ("user", second)]
    return _score(user_text([{"role": role, "content": content} for role, content in turns]))


@pytest.mark.parametrize("language", sorted({example.language for example in HELD_OUT}))
def test_no_greeting_is_large_and_no_proof_small(language: str) -> None:
    """Whatever the language, no greeting of the hand-written prompts goes to the large model and no proof stays small."""
    own = [example for example in hand_written() if example.language == language]
    greetings = [e.prompt for e in own if e.task == "chat" and not e.gain and len(e.prompt) <= 30]
    proofs = [e.prompt for e in own if e.task == "mathematics" and PROOF.search(e.prompt)]
    assert [] == [prompt for prompt in greetings if _score(prompt) >= CLASSIFIER.threshold]
    assert [] == [prompt for prompt in proofs if _score(prompt) < CLASSIFIER.threshold]


def test_tasks_are_recognised() -> None:
    """At least 85 % of held-out prompts get the task label that their author gave them, and every label is used."""
    judged = [CLASSIFIER.judge(example.prompt).task for example in HELD_OUT]
    assert np.mean([label == example.task for label, example in zip(judged, HELD_OUT, strict=True)]) >= 0.85
    assert set(TASKS) == set(judged)


def test_the_hand_written_set_is_what_it_claims() -> None:
    """Every task is there, easy and hard, in both parts, and no prompt is in both."""
    examples = hand_written()
    assert set(TASKS) == {example.task for example in examples if example.held_out}
    assert len(examples) == len({example.prompt for example in examples})
    assert {(False, 0.0), (False, 1.0), (True, 0.0), (True, 1.0)} == {(e.held_out, e.gain) for e in examples}
