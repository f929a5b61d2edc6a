"""The text the recipe writes: reproducible, and its answers are right."""

import json
import random

import pytest

from router.builtin.recipe import mixture, wording
from router.builtin.recipe.task import arithmetic, extraction, intent, question, sentiment, smalltalk

SEEDS = range(300)


def test_the_same_seed_writes_the_same_conversation():
    """A seed names one conversation."""
    assert mixture.example("3:14") == mixture.example("3:14")


def test_different_seeds_write_different_conversations():
    """Conversations hardly ever repeat."""
    assert len({mixture.example(f"3:{seed}") for seed in SEEDS}) > 290


def test_a_conversation_alternates_and_ends_with_an_answer():
    """System prompt at most once and first, then user and assistant in turn."""
    for seed in SEEDS:
        roles = [message["role"] for message in mixture.example(f"1:{seed}").messages]
        talk = roles[1:] if roles[0] == "system" else roles
        assert ["user", "assistant"] * (len(talk) // 2) == talk


@pytest.mark.parametrize("split", ["train", "held"])
def test_every_extracted_value_stands_in_the_text(split):
    """The JSON answer holds nothing that the sentence does not, but for a capital where the sentence starts."""
    for seed in SEEDS:
        turn = extraction.turn(random.Random(seed), split)
        for values in json.loads(turn.answer).values():
            assert all(value.lower() in turn.prompt.lower() for value in values), turn


def test_a_sum_is_the_sum_of_its_numbers():
    """The answer of a sum in digits is right."""
    for seed in SEEDS:
        turn = arithmetic.turn(random.Random(seed), "train")
        numbers = [int(run) for run in "".join(c if c.isdigit() else " " for c in turn.prompt).split()]
        assert not numbers or sum(numbers) == int(turn.answer)


def test_no_pair_of_numbers_is_both_trained_and_held_out():
    """Held-out sums are sums that training never saw, in either order."""

    def pairs(split: str) -> set[tuple[str, ...]]:
        prompts = (arithmetic.turn(random.Random(seed), split).prompt for seed in range(600))
        found = ("".join(c if c.isdigit() else " " for c in prompt).split() for prompt in prompts)
        return {tuple(sorted(pair)) for pair in found if pair}

    assert not pairs("train") & pairs("held")


def test_labels_are_the_documented_ones():
    """Sentiment and intent answer with one of their labels, whatever the wording."""
    assert {sentiment.turn(random.Random(seed), "train").answer for seed in SEEDS} == set(sentiment.LABELS)
    assert {intent.turn(random.Random(seed), "train").answer for seed in SEEDS} == set(intent.LABELS)


def test_questions_answer_yes_or_no():
    """Both answers occur, and no other."""
    assert {question.turn(random.Random(seed), "train").answer for seed in SEEDS} == {"yes", "no"}


def test_everything_beyond_the_model_gets_the_one_sentence():
    """Requests outside the skills are answered with the scope sentence, small sums are not among them."""
    turns = [smalltalk.outside(random.Random(seed), "train") for seed in SEEDS]
    assert {turn.answer for turn in turns} == {smalltalk.SCOPE}
    assert not [turn for turn in turns if turn.prompt == "2 + 2"]


def test_untidiness_keeps_a_sentence():
    """Noise never empties a sentence."""
    assert all(wording.untidy("A fine sentence.", random.Random(seed)).strip() for seed in range(500))
