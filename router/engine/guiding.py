"""What each choice of a request is held to: the grammar of its format, or of its tools."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from router.engine.answer import Guide
from router.engine.constraint import Grammar, GrammarError
from router.engine.grammar import of_format, of_tools
from router.engine.invalid import InvalidError
from router.engine.sampling import Constraint
from router.engine.schema import SchemaError
from router.engine.tools import BEGIN, END, CallParser, ToolsRefusedError, functions
from router.engine.wire import Submit


class Cloneable(Constraint, Protocol):
    """A compiled grammar that each choice gets its own copy of."""

    def clone(self) -> "Cloneable":
        """The same state once more."""


Compile: TypeAlias = Callable[[Grammar], Cloneable]


def callable_functions(submit: Submit) -> list[dict[str, Any]]:
    """The functions that the answer may call. Raises `InvalidError`."""
    try:
        return functions(submit.tools, submit.tool_choice)
    except ToolsRefusedError as error:
        raise InvalidError(str(error), error.param) from error


def guides(submit: Submit, compile_grammar: Compile) -> list[Guide]:
    """One guide for each choice. Raises `InvalidError`."""
    named = callable_functions(submit)
    if named and submit.response_format.kind != "text":
        raise InvalidError("response_format: it cannot be combined with tools that may be called", "response_format")
    grammar = _tool_grammar(submit, named) if named else _format_grammar(submit)
    if grammar is None:
        return [Guide()] * submit.n
    param = "tools" if named else "response_format"
    try:
        first = compile_grammar(grammar)
    except GrammarError as error:
        raise InvalidError(f"{param}: the schema does not compile to a grammar", param) from error
    constraints = [first, *(first.clone() for _ in range(submit.n - 1))]
    return [Guide(constraint, CallParser() if named else None) for constraint in constraints]


def _format_grammar(submit: Submit) -> Grammar | None:
    try:
        return of_format(submit.response_format)
    except SchemaError as error:
        raise InvalidError(f"response_format: {error}", "response_format") from error


def _tool_grammar(submit: Submit, named: list[dict[str, Any]]) -> Grammar:
    must = submit.tool_choice != "auto"
    try:
        return of_tools(
            named, BEGIN, END, many=submit.parallel_tool_calls and not isinstance(submit.tool_choice, dict), must=must
        )
    except SchemaError as error:
        raise InvalidError(f"tools: {error}", "tools") from error
