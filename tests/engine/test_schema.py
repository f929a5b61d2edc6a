"""JSON Schema to grammar: every keyword is compiled, an annotation, or refused."""

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine import native
from router.engine.constraint import Grammar, GrammarError, NativeConstraint
from router.engine.grammar import of_format
from router.engine.schema import SchemaError
from router.engine.schema_numbers import integer_range, number_range
from router.engine.wire import ResponseFormat


@pytest.fixture(scope="module")
def model(tiny: Path) -> native.Model:
    """The tiny model's vocabulary, in this process."""
    native.start()
    return native.Model(tiny)


def grammar_of(schema: object) -> Grammar:
    grammar = of_format(ResponseFormat("json_schema", schema))
    assert grammar is not None
    return grammar


def accepts(model: native.Model, grammar: Grammar, text: str) -> bool:
    """True when the whole text, and then the end, may come under the grammar."""
    constraint = NativeConstraint.compile(model, grammar)
    for token in model.tokenize(text, add_special=False, parse_special=False):
        if not constraint.allows(token):
            return False
        constraint.accept(token)
    return constraint.allows(int(model.end_tokens[0]))


def expression(text: str) -> Grammar:
    return Grammar(f"root ::= {text}\n")


def wander(model: native.Model, grammar: Grammar, draw: random.Random, longest: int = 400) -> str | None:
    """A random text under the grammar, as an unreasonable model would write it; None when it would not end."""
    constraint = NativeConstraint.compile(model, grammar)
    data = b""
    for _ in range(longest):
        row = np.zeros(model.vocab_size, np.float32)
        # Plain bytes only, or the text might not be UTF-8; the model's own business, not the grammar's.
        row[128:256] = -np.inf
        constraint.mask(row)
        possible = np.flatnonzero(row > -np.inf)
        ends = [token for token in possible if model.is_end(int(token))]
        token = int(ends[0] if ends else draw.choice(possible.tolist()))
        if ends:
            return data.decode()
        constraint.accept(token)
        data += model.piece(token)
    return None


PERSON = {
    "type": "object",
    "title": "Person",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 6, "description": "who"},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 130},
        "tags": {"type": "array", "items": {"enum": ["a", 'b"', 3, None]}, "maxItems": 2},
        "home": {"$ref": "#/$defs/place"},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["name", "home"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "anyOf": [{"type": "null"}, {"type": "object", "properties": {"zip": {"const": 7}}, "required": ["zip"]}]
        }
    },
}


def is_person(value: dict) -> bool:
    return (
        value.keys() <= PERSON["properties"].keys()
        and 1 <= len(value["name"]) <= 6
        and 0 <= value.get("age", 0) < 130
        and all(tag in ("a", 'b"', 3, None) for tag in value.get("tags", []))
        and len(value.get("tags", [])) <= 2
        and (value["home"] is None or value["home"]["zip"] == 7)
    )


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ('{"name": "Ann", "home": null}', True),
        ('{"name": "Ann", "age": 129, "tags": ["a", null], "home": {"zip": 7}, "at": "2024-02-28T10:00:00Z"}', True),
        ('{"name": "", "home": null}', False),
        ('{"name": "Anneliese", "home": null}', False),
        ('{"name": "Ann"}', False),
        ('{"name": "Ann", "home": null, "more": 1}', False),
        ('{"name": "Ann", "age": 130, "home": null}', False),
        ('{"name": "Ann", "age": -1, "home": null}', False),
        ('{"name": "Ann", "tags": ["c"], "home": null}', False),
        ('{"name": "Ann", "home": {"zip": 8}}', False),
        ('{"name": "Ann", "home": null, "at": "2024-13-01T10:00:00Z"}', False),
    ],
)
def test_the_grammar_takes_what_the_schema_takes(model, text, is_valid):
    """Good texts pass whole, bad ones are stopped."""
    assert is_valid == accepts(model, grammar_of(PERSON), text)


@pytest.mark.parametrize("schema", [PERSON, {}], ids=["schema", "any object"])
@pytest.mark.parametrize("blank", ["  ", "\n", "\t"])
def test_no_limit_is_spent_on_white_space(model, schema, blank):
    """Between the parts of an object stands one space at most."""
    text = '{"name": "Ann", "home": null}'
    assert accepts(model, grammar_of(schema), text)
    assert not accepts(model, grammar_of(schema), text.replace(" ", blank))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_is_written_under_the_grammar_is_valid(model, seed):
    """A model that writes at random under the grammar writes valid objects."""
    written = wander(model, grammar_of(PERSON), random.Random(seed))
    if written is not None:
        assert is_person(json.loads(written))


@settings(max_examples=150, deadline=None)
@given(st.integers(-2000, 2000), st.integers(0, 3000), st.integers(-6000, 6000))
def test_integer_ranges_are_exact(model, low, width, probe):
    """Of all integers, exactly those of the range can be written."""
    grammar = expression(integer_range(low, low + width) or "")
    for number in (low, low + width, low - 1, low + width + 1, probe):
        assert (low <= number <= low + width) == accepts(model, grammar, str(number))


@settings(max_examples=60, deadline=None)
@given(st.floats(-50, 50), st.floats(0, 60), st.integers(0, 2**32))
def test_number_ranges_hold(model, low, width, seed):
    """Any number written under a range lies in it."""
    text = number_range(low, low + width)
    if text is not None:
        written = wander(model, expression(text), random.Random(seed))
        assert written is None or low <= float(written) <= low + width


def test_empty_ranges_are_none():
    """A range without numbers has no expression."""
    assert (None, None) == (integer_range(5, 4), number_range(0.3, 0.7))


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "string", "pattern": "a"}, "pattern"),
        ({"type": "string", "format": "iri"}, "format"),
        ({"type": "string", "maxLength": 5000}, "maxLength"),
        ({"type": "string", "minLength": -1}, "minLength"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "minLength"),
        ({"type": "array", "contains": {}}, "contains"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "minProperties": 1}, "minProperties"),
        ({"type": "object", "propertyNames": {}}, "propertyNames"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "required"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf"),
        ({"type": "number", "minimum": "1"}, "minimum"),
        ({"type": "tuple"}, "type"),
        ({"type": []}, "type"),
        ({"if": {}, "then": {}}, "if"),
        ({"not": {}}, "not"),
        ({"enum": []}, "enum"),
        ({"type": "string", "enum": [1]}, "enum"),
        ({"anyOf": []}, "anyOf"),
        ({"anyOf": [{"type": "null"}], "properties": {}}, "properties"),
        ({"allOf": [{"type": "null"}, {"type": "null"}]}, "allOf"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "oneOf"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"$ref": "other.json"}, "$ref"),
        ({"$ref": "#/nowhere"}, "$ref"),
        ({"$ref": "#"}, "$ref"),
    ],
)
def test_what_cannot_be_promised_is_refused_by_name(schema, keyword):
    """No keyword is ignored: it is compiled or its name comes back."""
    with pytest.raises(SchemaError) as refused:
        grammar_of(schema)
    assert keyword == refused.value.keyword


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, "null", "1"),
        (
            {"oneOf": [
                {"type": "object", "properties": {"k": {"const": name}}, "required": ["k"]} for name in ("x", "y")
            ]},
            '{"k": "y"}', '{"k": "z"}',
        ),
        ({"type": ["integer", "null"]}, "null", '"a"'),
        ({"type": "string", "nullable": True}, "null", "1"),
        ({"allOf": [{"type": "boolean"}]}, "true", "1"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}, '[1, "a"]', '["a", 1]'),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3}, "[1,2,3]", "[1]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, '{"a": 1, "b": 2}', '{"a": "b"}'),
        ({"type": "object", "properties": {}, "additionalProperties": False}, "{}", '{"a": 1}'),
        ({"type": "object"}, '{"a": [1, {"b": null}]}', "[]"),
        ({}, '[1, "two", {"three": 3.5e2}]', "nonsense"),
        ({"type": "array", "maxItems": 0}, "[]", "[1]"),
        ({"type": "string", "format": "uuid"}, '"123e4567-e89b-12d3-a456-426614174000"', '"123"'),
        ({"type": "number", "minimum": 0, "maximum": 1}, "0.25", "1.5"),
        ({"const": {"a": [1]}}, '{"a": [1]}', '{"a": [2]}'),
        ({"properties": {"a": {"type": "null"}}, "required": ["a"]}, '{"a": null}', "{}"),
        (
            {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
            '{"next": {"next": null}}', '{"next": {}}',
        ),
    ],
)  # fmt: skip
def test_keywords_mean_what_they_say(model, schema, good, bad):
    """For each supported keyword one text that fits and one that does not."""
    grammar = grammar_of(schema)
    assert accepts(model, grammar, good)
    assert not accepts(model, grammar, bad)


def test_lone_surrogates_cannot_be_written(model):
    """An escape that no UTF-8 can hold is not text, even though JSON would let it pass."""
    grammar = grammar_of({"type": "string"})
    assert accepts(model, grammar, '"\\u00e9"')
    assert not accepts(model, grammar, '"\\ud800"')


def test_left_recursion_is_refused_without_a_crash(model):
    """A grammar that calls itself first is an error, not an endless loop."""
    with pytest.raises(GrammarError):
        NativeConstraint.compile(model, Grammar('root ::= root "a"\n'))


def test_a_schema_without_end_is_refused():
    """Schemas deeper or larger than the bounds are refused before they cost time."""
    deep: dict = {"type": "null"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    with pytest.raises(SchemaError):
        grammar_of(deep)


def test_a_triggered_grammar_waits(model):
    """Before its trigger a lazy grammar allows anything; from the trigger on, only itself."""
    grammar = Grammar('root ::= "<x>" [0-9]+ "</x>"\n', (f"[\\s\\S]*?({re.escape('<x>')}[\\s\\S]*)",))
    assert accepts(model, grammar, "hello")
    assert accepts(model, grammar, "hello <x>12</x>")
    assert not accepts(model, grammar, "hello <x>ab")
