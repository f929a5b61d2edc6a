"""The schemas of everything that is taken and sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from router.api.openapi.answers import AnthropicError, Error
from router.api.openapi.operations import Operation

REF = "#/components/schemas/{model}"


def schemas_of(operations: Iterable[Operation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each type that is taken or sent, and all that they refer to by names that say whose they are."""
    inputs = [(kind, mode, TypeAdapter[Any](kind)) for kind, mode in _types([*operations])]
    found, rest = TypeAdapter.json_schemas(inputs, ref_template=REF)
    names = {name: _short(name) for name in rest["$defs"]}
    if len(set(names.values())) < len(names):
        raise ValueError("two schemas would have one name")
    places = {kind: _renamed(schema, names) for (kind, _), schema in found.items()}
    return places, {names[name]: _renamed(schema, names) for name, schema in rest["$defs"].items()}


def _types(operations: Sequence[Operation]) -> Iterator[tuple[Any, JsonSchemaMode]]:
    bodies = {one.body for one in operations if one.body is not None}
    sent = {one.answer for one in operations if one.answer is not None}
    yield from ((kind, "validation") for kind in sorted(bodies, key=str))
    yield from ((kind, "serialization") for kind in sorted(sent.union((Error, AnthropicError)), key=str))


def _short(name: str) -> str:
    """Pydantic names what several modules have by the whole module: `router__api__messages__schema__Tool`."""
    whose, _, kind = name.removeprefix("router__api__").rpartition("schema__")
    return f"{whose.removesuffix('__').capitalize() or 'Chat'}{kind}" if name != kind else name


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return {**schema, "$ref": REF.format(model=names[reference.rpartition("/")[2]])}
        return {name: _renamed(value, names) for name, value in schema.items()}
    return [_renamed(one, names) for one in schema] if isinstance(schema, list) else schema
