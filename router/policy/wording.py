"""From Pydantic's errors to places in the file and sentences that name the cure.

No message shows a value, only names: a value may be a secret that was pasted into the wrong place.
"""

import re
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic_core import ErrorDetails

from router.policy.document import Plain
from router.policy.problem import Place, did_you_mean, shown
from router.policy.schema_models import PolicyFile

_KINDS = {
    "string_type": "text (put it in quotes if it looks like a number)",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


_PATTERNS = {
    "api_key": "env:NAME: a key itself never belongs in this file",
    "sha256": "64 hexadecimal digits in lower case",
    "forward_fields": "request fields in lower case",
}
BACKENDS = ("llama.cpp", "openai", "litellm", "auto")


def sentence(detail: ErrorDetails) -> str:
    """Our words for one of Pydantic's errors."""
    return _WORDS.get(detail["type"], _other)(detail, _name(detail["loc"]))


def place_of(detail: ErrorDetails, data: Plain) -> Place:
    """The part of an error's location that exists in `data`: union tags and missing keys are left out."""
    loc = (*detail["loc"], "backend") if detail["type"] == "union_tag_invalid" else detail["loc"]
    place: list[str | int] = []
    for part in loc:
        inner = _child(data, part)
        if inner is not None:
            data = inner
            place.append(part)
    return tuple(place)


def _unknown(detail: ErrorDetails, name: str) -> str:
    return f"unknown key {shown(name)}{did_you_mean(name, _fields(PolicyFile, detail['loc'][:-1]))}"


def _missing(_: ErrorDetails, name: str) -> str:
    return f"{shown(name)} is missing"


def _empty(_: ErrorDetails, name: str) -> str:
    return f"{shown(name)} must not be empty"


def _no_backend(_: ErrorDetails, name: str) -> str:
    return f"{shown(name)} needs a backend{did_you_mean('', BACKENDS)}"


def _backend(detail: ErrorDetails, _: str) -> str:
    given = detail["ctx"]["tag"]
    return f"unknown backend {shown(given)}{did_you_mean(given, BACKENDS)}"


def _literal(detail: ErrorDetails, name: str) -> str:
    valid = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
    given = detail["input"]
    if isinstance(given, str) and valid:
        return f"unknown {name} {shown(given)}{did_you_mean(given, valid)}"
    return f"{shown(name)} must be {detail['ctx']['expected']}"


def _pattern(_: ErrorDetails, name: str) -> str:
    if name in _PATTERNS:
        return f"{shown(name)} must be {_PATTERNS[name]}"
    return f"{shown(name)} is not a valid name (letters, digits, '.', '_' and '-')"


def _other(detail: ErrorDetails, name: str) -> str:
    if detail["type"].startswith("model") and name in {"when", "any", "all", "not"}:
        return f"{shown(name)} must be always, or a mapping such as {{task: [code]}}"
    if detail["type"] in _KINDS:
        return f"{shown(name)} must be {_KINDS[detail['type']]}"
    return f"{shown(name)}: {detail['msg'].removeprefix('Value error, ').replace('Input should', 'must')}"


_WORDS: dict[str, Callable[[ErrorDetails, str], str]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "too_short": _empty,
    "string_too_short": _empty,
    "union_tag_not_found": _no_backend,
    "union_tag_invalid": _backend,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
}


def _name(loc: Place) -> str:
    """The innermost key of a location; list positions have no name."""
    return next((str(part) for part in reversed(loc) if isinstance(part, str) and part != "[key]"), "the file")


def _child(data: Plain, part: str | int) -> "Plain | None":
    if isinstance(data, dict):
        return data.get(str(part))
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None


def _fields(kind: Any, loc: Place) -> list[str]:
    """Names that may be written in the mapping at `loc`, read off the schema's types."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _fields(inner[0], loc)
    if origin in {Union, UnionType}:
        return _fields_of_union([arm for arm in inner if arm is not type(None)], loc)
    if origin in {dict, list}:
        return _fields(inner[-1], loc[1:])
    fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    return _fields(fields[str(loc[0])], loc[1:]) if loc else list(fields)


def _fields_of_union(arms: list[Any], loc: Place) -> list[str]:
    if len(arms) == 1:
        return _fields(arms[0], loc)
    tagged = {get_args(arm.model_fields["backend"].annotation)[0]: arm for arm in arms}
    return _fields(tagged[loc[0]], loc[1:])
