"""Which errors a path can answer with, from the error tree itself."""

from collections.abc import Iterator, Mapping

from router.api.openapi.operations import Operation, Reach
from router.errors import RouterError
from router.gate.anthropic import OVERLOADED, speaks_anthropic

JSON = "application/json"
FAR = (400, 403, 404, 502, 503, 504)
REACHED: Mapping[Reach, tuple[int, ...]] = {"here": (), "kept": (400, 404), "engine": FAR, "targets": FAR}
ANYWHERE = (401, 431, 500)
OF_POST = (429,)
OF_BODIES = (400, 413, 415)

PASSED_ON = "The target's own refusal: its status, its code and its words."


def refusals(method: str, path: str, operation: Operation) -> dict[str, dict[str, object]]:
    """The `responses` of one operation that are errors."""
    is_anthropic = speaks_anthropic(path)
    name = "AnthropicError" if is_anthropic else "Error"
    content = {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    statuses = {*ANYWHERE, *REACHED[operation.reach]}
    statuses.update(OF_POST if method == "POST" else (), OF_BODIES if operation.body is not None else ())
    described = {str(status): _words(status) for status in sorted(statuses)}
    if operation.reach == "targets":
        described["4XX"] = PASSED_ON
    if is_anthropic:
        del described["503"]
        described[str(OVERLOADED)] = "Too busy, here or at every target."
    return {status: {"description": words, "content": content} for status, words in described.items()}


def _words(status: int) -> str:
    """Every class of the tree with that status: its code, and what it means."""
    # Reversed, so that of several classes with one code the one nearest to the root says what it means.
    kinds = {kind.code: kind for kind in reversed([*_tree(RouterError)]) if kind.status == status}
    return " ".join(f"`{code}`: {_meaning(kind)}" for code, kind in kinds.items())


def _tree(kind: type[RouterError]) -> Iterator[type[RouterError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


def _meaning(kind: type[RouterError]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]
