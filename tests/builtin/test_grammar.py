"""The grammar language and its held-out templates."""

import random
import re

import pytest

from router.builtin.recipe import grammar
from router.builtin.recipe.grammar import Grammar

NAMES = sorted(path.stem for path in grammar.FOLDER.glob("*.txt"))
GIVEN_BY_TASKS = {"a", "b", "a3", "labels", "field"}


def test_a_choice_takes_each_of_its_options():
    """Brackets mean one of their options, nested ones included."""
    words = Grammar("x:\n  [q|b [c|d]] e")
    rng = random.Random(1)
    assert {words.expand("x", rng, "train") for _ in range(60)} == {"q e", "b c e", "b d e"}


def test_a_capital_reference_starts_with_a_capital():
    """`{Name}` is the text of `name` with a capital first letter."""
    assert Grammar("x:\n  {Y}!\ny: yes").expand("x", random.Random(1), "train") == "Yes!"


def test_a_given_symbol_is_the_callers_text():
    """What the caller gives replaces a reference."""
    assert Grammar("x:\n  is {y}?").expand("x", random.Random(1), "train", {"y": "it"}) == "is it?"


@pytest.mark.parametrize(
    ("untidy", "expected"),
    [
        ("a apple", "an apple"),
        ("A old hat", "An old hat"),
        ("a user", "a user"),
        ("a one-way street", "a one-way street"),
        ("two  spaces .", "two spaces."),
        ("what is it ?", "what is it?"),
        ("first<nl>second", "first\nsecond"),
    ],
)
def test_tidy_repairs_what_composition_leaves(untidy, expected):
    """Articles, spaces and line breaks come out as a person would write them."""
    assert expected == grammar.tidy(untidy)


@pytest.mark.parametrize("name", NAMES)
def test_held_out_templates_are_never_trained_on(name):
    """A starred symbol has templates on both sides, and none on both."""
    for symbol, rule in grammar.load(name).rules.items():
        assert not set(rule.train) & set(rule.held), symbol


@pytest.mark.parametrize("name", NAMES)
def test_a_held_out_template_arranges_words_that_are_trained_on(name):
    """What is held out is a new arrangement: new words are what the sentences written by hand are for."""
    rules = grammar.load(name).rules.values()
    trained = {word for rule in rules for option in rule.train for word in _words(option)}
    assert any(rule.held for rule in rules) or name == "lexicon"
    assert set() == {word for rule in rules for option in rule.held for word in _words(option)} - trained


def _words(template):
    return set(re.findall(r"[a-z0-9']+", re.sub(r"\{\w+\}", " ", template).lower()))


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_has_a_rule_and_every_bracket_a_partner(name):
    """The grammar files hold no dangling name and no open bracket."""
    rules = grammar.load(name).rules
    for rule in rules.values():
        for option in rule.train + rule.held:
            assert option.count("[") == option.count("]"), option
            names = {reference.lower() for reference in re.findall(r"\{(\w+)\}", option)}
            assert names <= set(rules) | GIVEN_BY_TASKS, option
