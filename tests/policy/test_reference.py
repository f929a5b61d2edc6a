"""The reference page: each example on it is a file that works, and every key is on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.policy import json_schema, run_tests
from router.policy.document import parse
from router.policy.schema_conditions import ConditionTable
from tests.policy.conftest import Loader
from tests.policy.files import Judged

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy" / "reference.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
START, POLICIES, *EXAMPLES = BLOCKS


class Scripted:
    """A classifier that knows the prompts of the page."""

    def judge(self, text: str) -> Judged:
        """Proofs are hard, reviews are sentiment."""
        if text.startswith("Prove"):
            return Judged(0.95, "mathematics")
        return Judged(0.1, "sentiment" if "review" in text else "mathematics")


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_works(read_text: Loader, example: str):
    """Every example loads with the page's start, and its own tests pass."""
    text = START + ("" if "policies:" in example else POLICIES) + example
    results = run_tests(read_text(text, {"LARGE_KEY": "k", "LIMITS_REDIS": "redis://localhost"}), Scripted())
    assert [result.failures for result in results if not result.passed] == []
    assert results


def test_each_condition_has_an_example():
    """A condition without a tested example is not documented."""
    names = {field.alias or name for name, field in ConditionTable.model_fields.items()}
    used = {name for example in EXAMPLES for name in _when_keys(parse(example.encode(), "page").data)}
    assert names - {"always"} <= used
    assert "when: always" in TEXT


def test_each_key_is_on_the_page():
    """What the schema accepts is written down."""
    missing = [key for key in _schema_keys() if f"`{key}`" not in TEXT]
    assert missing == []


def _when_keys(data: object) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key in {"when", "any", "all", "not"}:
                yield key
                yield from _names(value)
            yield from _when_keys(value)
    elif isinstance(data, list):
        for value in data:
            yield from _when_keys(value)


def _names(value: object) -> Iterator[str]:
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield from entry


def _schema_keys() -> set[str]:
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    return {key for definition in definitions.values() for key in definition.get("properties", {})}
