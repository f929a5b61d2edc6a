"""YAML as it reaches the schema: plain, bounded, with lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ConfigError
from router.policy.document import MAX_BYTES, parse


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode() if isinstance(text, str) else text, "f.yaml")
    return list(caught.value.problems)


def test_values_follow_the_core_schema():
    """Words stay words: neither a Norwegian nor a date changes its type on the way."""
    text = "a: no\nb: 2026-01-01\nc: '1'\nd: 1\ne: 1.5\nf: true\ng: 0x10\nh: 1_0\ni: '<<'\nj: .5\nk: 12:30:45\n"
    expected = {"a": "no", "b": "2026-01-01", "c": "1", "d": 1, "e": 1.5, "f": True, "g": "0x10", "h": "1_0"}
    expected |= {"i": "<<", "j": 0.5, "k": "12:30:45"}
    assert expected == parse(text.encode(), "f.yaml").data


def test_lines_are_those_of_the_keys_and_items():
    """A problem can point at the line where its key or list item stands."""
    document = parse(b"a:\n  - x\n  - b:\n      c: 1\n", "f.yaml")
    assert [1, 2, 3, 4, 4] == [
        document.line(place) for place in [("a",), ("a", 0), ("a", 1, "b"), ("a", 1, "b", "c"), ("a", 1, "b", "c", "d")]
    ]


def test_every_duplicate_key_is_told():
    """The second of two equal keys never silently wins."""
    assert refused("a: 1\na: 2\nb: {c: 1, c: 2}\n") == [
        "f.yaml:2: duplicate key 'a' (first on line 1)",
        "f.yaml:3: duplicate key 'c' (first on line 3)",
    ]


def test_a_key_without_a_value_is_told():
    """An empty value is a mistake to show, not a rule that holds for everything."""
    assert refused("a:\nb: [~]\n") == [
        "f.yaml:1: a value is missing here: write one, or leave the key out",
        "f.yaml:2: a value is missing here: write one, or leave the key out",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: !!python/object/apply:os.system ['x']", "tags"),
        ("a: !env X", "tags"),
        ("a: {b", "not valid YAML"),
        ("a: *nothing", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("[1, 2]", "must hold keys and values"),
        ("1: a", "a key must be text"),
        ("? [a]\n: b", "a key must be text"),
        ("a: \x07", "a character that YAML forbids"),
        (b"a: \xff", "not UTF-8"),
        ("a: " + "[" * 100 + "]" * 100, "nested deeper"),
        ("[" * 90_000, "nested deeper"),
        ("a: &a [*a]", "anchors"),
        ("#" * (MAX_BYTES + 1), "larger than"),
    ],
    ids=range(14),
)
def test_what_yaml_can_smuggle_in_is_refused(text: str | bytes, words: str):
    """Tags, loops, depth, second documents and broken bytes are one clear line each."""
    problems = refused(text)
    assert len(problems) == 1
    assert words in problems[0]


def test_a_billion_laughs_is_one_line():
    """Anchors that unfold into more than any policy needs are refused before they cost anything."""
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert refused("\n".join(layers)) == ["f.yaml:1: the file's anchors unfold into too much, or into themselves"]


def test_anchors_within_bounds_are_fine():
    """A shared piece may be written once."""
    assert {"a": {"b": 1}, "c": {"b": 1}} == parse(b"a: &x {b: 1}\nc: *x\n", "f.yaml").data


def test_an_empty_file_holds_nothing():
    """An empty file is an empty mapping; the schema then says what is missing."""
    assert parse(b"# nothing\n", "f.yaml").data == {}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_data_or_a_config_error(raw: bytes):
    """No file can make the reader fail in another way."""
    try:
        assert isinstance(parse(raw, "f.yaml").data, dict)
    except ConfigError as error:
        assert all(problem.startswith("f.yaml:") for problem in error.problems)
