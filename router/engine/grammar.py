"""The grammar of a request: JSON of any kind, JSON of a schema, or tool calls."""

from typing import Any

from router.engine.constraint import Grammar
from router.engine.schema import SchemaCompiler, SchemaError
from router.engine.schema_rules import GrammarRules, literal
from router.engine.wire import ResponseFormat


def of_format(wanted: ResponseFormat) -> Grammar | None:
    """The grammar of a `response_format`, None for free text. Raises `SchemaError`."""
    if wanted.kind == "text":
        return None
    rules = GrammarRules()
    if wanted.kind == "json_object":
        return Grammar(rules.text(rules.json("object")))
    if wanted.schema is None:
        raise SchemaError("schema", "is missing")
    return Grammar(rules.text(SchemaCompiler(rules, wanted.schema).compile()))


def of_tools(functions: list[dict[str, Any]], begin: str, end: str, *, many: bool, must: bool) -> Grammar:
    """Calls of the functions between `begin` and `end`; free text before them unless one `must` come.

    The arguments follow the function's schema: a strict one has to compile (`SchemaError`), of another that does not
    any JSON object is taken.
    """
    rules = GrammarRules()
    calls = [_call(rules, function) for function in functions]
    one = rules.add("call", f"{literal(begin)} ({' | '.join(calls)}) {literal(end)}")
    root = f'{one} ("\\n"? {one})*' if many else one
    # What comes after the marker is the first group; the marker itself is part of the grammar.
    triggers = () if must else (f"[\\s\\S]*?({_escaped(begin.rstrip())}[\\s\\S]*)",)
    return Grammar(rules.text(root), triggers)


def _call(rules: GrammarRules, function: dict[str, Any]) -> str:
    schema = function.get("parameters") or {"type": "object", "properties": {}, "additionalProperties": False}
    try:
        SchemaCompiler(GrammarRules(), schema).compile()
    except SchemaError:
        if function.get("strict"):
            raise
        schema = {"type": "object"}
    arguments = SchemaCompiler(rules, schema).compile()
    name = literal('{"name": "' + str(function["name"]) + '", "arguments": ')
    return rules.add("function", f'{name} {arguments} "}}"')


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\^$.|?*+()[]{}" else sign for sign in text)
