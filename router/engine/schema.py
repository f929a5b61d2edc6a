"""JSON Schema to GBNF, llama.cpp's grammar language: what is written under the grammar is valid by construction.

Every keyword is either turned into rules, known to be a mere annotation, or refused by name; none is ignored. Where a
keyword allows more than can be said in rules (properties beyond the named ones, fractions at the edge of a range), the
grammar allows less, never more.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from router.engine.schema_numbers import integer_range, number_range
from router.engine.schema_rules import FORMATS, GrammarRules, literal

Schema: TypeAlias = Mapping[str, Any]

MAX_NODES: Final = 4000
MAX_DEPTH: Final = 64
MAX_REPEAT: Final = 1000

_ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly",
     "discriminator", "$defs", "definitions", "format_description"}
)  # fmt: skip
_OF_TYPE: Final[dict[str, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "format"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
_PRIMITIVE: Final = {"boolean": '("true" | "false")', "null": '"null"'}


class SchemaError(Exception):
    """The schema cannot be compiled; `keyword` is the culprit."""

    def __init__(self, keyword: str, why: str) -> None:
        super().__init__(f"JSON Schema keyword '{keyword}' {why}")
        self.keyword = keyword


class SchemaCompiler:
    """Adds the rules of one schema to a grammar."""

    def __init__(self, rules: GrammarRules, schema: Schema | bool) -> None:
        self._rules = rules
        self._root = schema
        self._references: dict[str, str] = {}
        self._nodes = 0

    def compile(self) -> str:
        """The expression that matches the schema. Raises `SchemaError`."""
        return self._any(self._root, 0)

    def _any(self, schema: object, depth: int) -> str:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise SchemaError("$schema", "describes more than can be compiled")
        if schema is True or schema == {}:
            return self._rules.json("value")
        if not isinstance(schema, dict):
            raise SchemaError("false" if schema is False else "$schema", "matches nothing")
        for keyword, compiler in self._combinators().items():
            if keyword in schema:
                _only(schema, frozenset({keyword, "type"} if keyword in ("enum", "const") else {keyword}))
                return compiler(schema, depth)
        return self._typed(schema, depth)

    def _combinators(self) -> dict[str, Callable[[dict[str, Any], int], str]]:
        return {
            "$ref": self._reference,
            "enum": self._enum,
            "const": self._enum,
            "anyOf": self._any_of,
            "oneOf": self._one_of,
            "allOf": self._all_of,
        }

    def _reference(self, schema: dict[str, Any], depth: int) -> str:
        pointer = schema["$ref"]
        if not isinstance(pointer, str) or not pointer.startswith("#"):
            raise SchemaError("$ref", "may only point into the schema itself (#/...)")
        if pointer not in self._references:
            name = self._references[pointer] = self._rules.reserve("ref")
            self._rules.define(name, self._any(self._resolve(pointer), depth + 1))
        return self._references[pointer]

    def _resolve(self, pointer: str) -> object:
        found: object = self._root
        for part in pointer.lstrip("#").strip("/").split("/") if pointer not in ("#", "#/") else []:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise SchemaError("$ref", "points at nothing")
            found = found[key]
        if isinstance(found, dict) and "$ref" in found and found["$ref"] == pointer:
            raise SchemaError("$ref", "points at itself")
        return found

    def _enum(self, schema: dict[str, Any], _depth: int) -> str:
        keyword = "enum" if "enum" in schema else "const"
        values = schema["enum"] if keyword == "enum" else [schema["const"]]
        if not isinstance(values, list) or len(values) > MAX_NODES:
            raise SchemaError(keyword, "must be a list, and not an endless one")
        types = _types(schema) if "type" in schema else None
        fitting = [value for value in values if types is None or any(_is_of(value, name) for name in types)]
        if not fitting:
            raise SchemaError(keyword, "matches nothing")
        return "(" + " | ".join(literal(_dumps(value)) for value in fitting) + ")"

    def _any_of(self, schema: dict[str, Any], depth: int) -> str:
        return self._branches("anyOf", schema["anyOf"], depth)

    def _one_of(self, schema: dict[str, Any], depth: int) -> str:
        branches = schema["oneOf"]
        resolved = [self._resolve(b["$ref"]) if isinstance(b, dict) and "$ref" in b else b for b in branches]
        if not _are_disjoint(resolved):
            raise SchemaError("oneOf", "needs branches that a type or a constant property tells apart; use anyOf")
        return self._branches("oneOf", branches, depth)

    def _all_of(self, schema: dict[str, Any], depth: int) -> str:
        if not isinstance(schema["allOf"], list) or len(schema["allOf"]) != 1:
            raise SchemaError("allOf", "is supported with one branch only")
        return self._any(schema["allOf"][0], depth + 1)

    def _branches(self, keyword: str, branches: object, depth: int) -> str:
        if not isinstance(branches, list) or not branches:
            raise SchemaError(keyword, "must be a list with something in it")
        return "(" + " | ".join(self._any(branch, depth + 1) for branch in branches) + ")"

    def _typed(self, schema: dict[str, Any], depth: int) -> str:
        types = _types(schema)
        _only(schema, frozenset({"type", "nullable"}).union(*(_OF_TYPE[name] for name in types)))
        parts = [self._of_type(name, schema, depth) for name in types]
        if schema.get("nullable") is True:
            parts.append('"null"')
        return parts[0] if len(parts) == 1 else "(" + " | ".join(parts) + ")"

    def _of_type(self, name: str, schema: dict[str, Any], depth: int) -> str:
        if name == "object":
            return self._object(schema, depth)
        if name == "array":
            return self._array(schema, depth)
        if name == "string":
            return self._string(schema)
        if name in ("integer", "number"):
            return self._number(name, schema)
        return _PRIMITIVE[name]

    def _number(self, name: str, schema: dict[str, Any]) -> str:
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        for keyword, value in schema.items():
            if keyword in _OF_TYPE["number"] and not _is_of(value, "number"):
                raise SchemaError(keyword, "must be a number")
        if low is None and high is None and above is None and below is None:
            return self._rules.json(name)
        expression = (integer_range if name == "integer" else number_range)(low, high, above, below)
        if expression is None:
            keyword = next(
                key for key in ("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum") if key in schema
            )
            raise SchemaError(keyword, f"leaves no {name} that can be written")
        return expression

    def _string(self, schema: dict[str, Any]) -> str:
        if "format" in schema:
            if schema["format"] not in FORMATS or "minLength" in schema or "maxLength" in schema:
                raise SchemaError("format", f"is one of {', '.join(sorted(FORMATS))}, and without a length")
            return self._rules.format(schema["format"])
        low, high = _bounds(schema, "minLength", "maxLength")
        if (low, high) == (0, None):
            return self._rules.json("string")
        return f'"\\"" {self._rules.json("char")}{_times(low, high)} "\\""'

    def _array(self, schema: dict[str, Any], depth: int) -> str:
        low, high = _bounds(schema, "minItems", "maxItems")
        fixed = [self._any(item, depth + 1) for item in schema.get("prefixItems", [])]
        if fixed:
            if low > len(fixed):
                raise SchemaError("minItems", "is more than prefixItems has")
            count = len(fixed) if high is None else min(high, len(fixed))
            return self._list(fixed[:count])
        item = self._rules.add("item", self._any(schema.get("items", True), depth + 1))
        if high == 0:
            return '"[" ws "]"'
        more = f'("," ws {item}){_times(max(0, low - 1), None if high is None else high - 1)}'
        body = f"{item} {more} ws"
        return f'"[" ws {body} "]"' if low else f'"[" ws ({body})? "]"'

    def _list(self, items: list[str]) -> str:
        return '"[" ws ' + ' "," ws '.join(items) + ' ws "]"'

    def _object(self, schema: dict[str, Any], depth: int) -> str:
        named = dict(schema.get("properties") or {})
        required = schema.get("required", [])
        extra = schema.get("additionalProperties", True)
        for name in required:
            if name not in named and extra is False:
                raise SchemaError("required", "names a property that additionalProperties forbids")
            named.setdefault(name, extra)
        if not named:
            return self._map(extra, depth)
        pairs = [
            (name, f'{literal(_dumps(name))} ws ":" ws {self._any(value, depth + 1)}') for name, value in named.items()
        ]
        return f'"{{" ws {self._members(pairs, frozenset(required))} ws "}}"'

    def _members(self, pairs: list[tuple[str, str]], required: frozenset[str]) -> str:
        """The pairs in their order, optional ones left out or not: two rules for each, before and after a first."""
        after, before = '""', '""'
        for name, pair in reversed(pairs):
            rule = self._rules.add("pair", pair)
            with_comma, without = f'"," ws {rule} {after}', f"{rule} {after}"
            if name not in required:
                with_comma, without = f"({with_comma} | {after})", f"({without} | {before})"
            after, before = self._rules.add("more", with_comma), self._rules.add("first", without)
        return before

    def _map(self, extra: object, depth: int) -> str:
        if extra is False:
            return '"{" ws "}"'
        if extra is True:
            return self._rules.json("object")
        value = self._rules.add("item", self._any(extra, depth + 1))
        pair = f'{self._rules.json("string")} ws ":" ws {value}'
        return f'"{{" ws ({pair} ("," ws {pair})* ws)? "}}"'


def _types(schema: Mapping[str, Any]) -> list[str]:
    given = schema.get("type")
    if given is None:
        implied = [name for name, words in _OF_TYPE.items() if name != "number" and words & schema.keys()]
        if len(implied) != 1:
            unknown = sorted(schema.keys() - _ANNOTATIONS - {"nullable"})
            if unknown:
                raise SchemaError(unknown[0], "is not supported")
            return ["object", "array", "string", "number", "boolean", "null"]
        return implied
    names = given if isinstance(given, list) else [given]
    if not names or any(name not in _OF_TYPE for name in names):
        raise SchemaError("type", f"is one of {', '.join(_OF_TYPE)}, or a list of them")
    return list(dict.fromkeys(names))


def _only(schema: Mapping[str, Any], known: frozenset[str]) -> None:
    for keyword in schema:
        if keyword not in known and keyword not in _ANNOTATIONS:
            raise SchemaError(keyword, "is not supported here")


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> tuple[int, int | None]:
    low, high = schema.get(least, 0), schema.get(most)
    for keyword, value in ((least, low), (most, high)):
        if value is not None and (not _is_of(value, "integer") or not 0 <= value <= MAX_REPEAT):
            raise SchemaError(keyword, f"must be an integer from 0 to {MAX_REPEAT}")
    if high is not None and low > high:
        raise SchemaError(least, f"is over {most}")
    return low, high


def _times(low: int, high: int | None) -> str:
    if high is None:
        return f"{{{low},}}" if low else "*"
    return f"{{{low},{high}}}"


def _is_of(value: object, name: str) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    kinds: dict[str, type] = {"string": str, "boolean": bool, "null": type(None), "object": dict, "array": list}
    return isinstance(value, kinds[name])


def _are_disjoint(branches: list[Any]) -> bool:
    if not all(isinstance(branch, dict) for branch in branches):
        return False
    types = [branch.get("type") for branch in branches]
    if all(isinstance(name, str) for name in types) and len(set(types)) == len(types):
        return {"integer", "number"} - set(types) != set()
    shared = set.intersection(*(set(branch.get("required", [])) for branch in branches))
    return any(_tells_apart([branch.get("properties", {}).get(name) for branch in branches]) for name in shared)


def _tells_apart(tags: list[Any]) -> bool:
    if not all(isinstance(tag, dict) and ("const" in tag or "enum" in tag) for tag in tags):
        return False
    values = [_dumps(value) for tag in tags for value in (tag["enum"] if "enum" in tag else [tag["const"]])]
    return len(set(values)) == len(values)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
