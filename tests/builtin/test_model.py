"""The committed weights: their size, checksum, manners and skill."""

import hashlib
import json
import re

import pytest

from router.builtin import MODEL_PATH
from router.builtin.recipe import measure
from router.builtin.recipe.task.smalltalk import ABOUT, REPLIES, SCOPE
from tests.builtin.conftest import HANDWRITTEN

pytestmark = pytest.mark.skipif(
    not MODEL_PATH.exists(), reason="router/builtin/small.gguf has not been trained for this version"
)


def ask(model, *texts, system=""):
    """Hold a conversation of these user turns and return the last answer."""
    messages = [{"role": "system", "content": system}] if system else []
    for text in texts:
        messages.append({"role": "user", "content": text})
        said, reason = measure.answer(model, messages)
        assert reason == "stop"
        messages.append({"role": "assistant", "content": said})
    return said


def test_the_file_is_small():
    """The weights stay within 6 MB."""
    assert MODEL_PATH.stat().st_size <= 6_000_000


def test_the_card_names_this_file():
    """The card's checksum is the file's."""
    assert hashlib.sha256(MODEL_PATH.read_bytes()).hexdigest() in (MODEL_PATH.parent / "card.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("What is the sentiment of this review? The food was delicious and the staff was friendly.", "positive"),
        ("Is this positive, negative or neutral? The battery died after two days.", "negative"),
        ("Sentiment: The shop opens at nine.", "neutral"),
        ("What is the intent of this message: I lost my credit card yesterday", "lost_card"),
        ("Intent: when do you open tomorrow", "opening_hours"),
        ("What is 27 + 15?", "42"),
        ("Is 81 greater than 18?", "yes"),
        ("Is a cat an animal?", "yes"),
        ("Yes or no: grass is green", "yes"),
        ("Is it true that ice is hot?", "no"),
        ("hello", REPLIES["hello"]),
        ("who are you?", ABOUT),
        ("Write an essay about the French Revolution", SCOPE),
        ("Prove that the square root of 2 is irrational", SCOPE),
    ],
)
def test_plain_requests(model, prompt, expected):
    """The plainest request of each kind is answered, and the answer ends by itself."""
    assert expected == ask(model, prompt)


def test_extraction_is_valid_json_with_the_four_lists(model):
    """Names, places, dates and amounts come as one JSON object."""
    said = ask(model, "Extract names, places, dates and amounts as JSON: Anna Keller paid $45 in Lisbon on 3 May 2024.")
    expected = {"names": ["Anna Keller"], "places": ["Lisbon"], "dates": ["3 May 2024"], "amounts": ["$45"]}
    assert expected == json.loads(said)


def test_a_system_prompt_can_set_the_task(model):
    """An instruction in the system prompt works on a bare sentence."""
    system = "You are a helpful assistant. Classify the sentiment of each message as positive, negative or neutral."
    assert ask(model, "I love this phone!", system=system) == "positive"


def test_an_ordinary_system_prompt_changes_nothing(model):
    """The usual first line of a chat does not confuse it."""
    assert ask(model, "What is 3 + 4?", system="You are a helpful assistant.") == "7"


def test_a_later_turn_is_answered_like_a_first_one(model):
    """A conversation may change its subject."""
    last = ask(model, "Hello!", "What is 20 + 30?", "What is the sentiment of: I hate waiting.")
    assert last == "negative"


@pytest.mark.timeout(60)
def test_skill_on_handwritten_sentences_is_the_cards(model):
    """On the hand-written sentences the share of right answers is within the card's interval, or above it."""
    card = (MODEL_PATH.parent / "card.md").read_text(encoding="utf-8")
    questions = [one for one in measure.handwritten(HANDWRITTEN) if one.task in {"sentiment", "intent"}]
    scores = {score.task: score for score in measure.score(model, questions)}
    for task in ("sentiment", "intent"):
        low = float(re.findall(rf"\| {task} \|.*\| ([\d.]+)% to", card)[-1]) / 100
        assert scores[task].right / scores[task].total >= low


def test_answers_are_repeatable(model):
    """Greedy answers do not depend on what was asked before."""
    first = ask(model, "What is 31 + 8?")
    ask(model, "hello")
    assert first == ask(model, "What is 31 + 8?")
