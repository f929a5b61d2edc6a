"""The published schema: current, and true of the default file."""

import json
from pathlib import Path

import jsonschema

from router.policy import DEFAULT_FILE, json_schema
from router.policy.document import parse

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "policy" / "shunt.schema.json"


def test_the_committed_schema_is_current():
    """`shunt policy schema > docs/policy/shunt.schema.json` was run after the last change."""
    assert json.loads(COMMITTED.read_text()) == json_schema()


def test_the_schema_closes_every_mapping():
    """An editor marks unknown keys everywhere, as the router refuses them."""
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert [name for name, found in definitions.items() if found.get("additionalProperties") is not False] == []


def test_editors_and_the_router_agree():
    """The default file is valid by the schema; a typo, a literal key and a mixed-up backend are not."""
    validator = jsonschema.Draft202012Validator(json_schema())
    text = DEFAULT_FILE.read_text()
    assert list(validator.iter_errors(parse(text.encode(), "default").data)) == []
    for old, new in [
        ("on_failure:", "on_failur:"),
        ("backend: auto", "backend: openai\n    api_key: sk-literal"),
        ("backend: auto", "backend: auto\n    base_url: http://h/v1"),
        ("threshold: 0.", "threshold: 1."),
    ]:
        assert text != text.replace(old, new)
        assert list(validator.iter_errors(parse(text.replace(old, new).encode(), "default").data)) != [], new
