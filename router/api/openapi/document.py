"""Puts the OpenAPI document together."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from router import __version__
from router.api.openapi.examples import BODIES, STREAMS
from router.api.openapi.operations import OPERATIONS, Operation
from router.api.openapi.refusals import JSON, refusals
from router.api.openapi.schemas import schemas_of
from router.gate.auth import OPEN_PATHS

ABOUT = (
    "A hybrid router for language models, behind the APIs of OpenAI and Anthropic. Where no key is configured none is"
    " needed. Fields that are not listed are dropped and named in `x-shunt-ignored`. Paths work without `/v1`, too."
)
HEADERS = {
    "x-request-id": "The id of the request: the client's own if it sent a sane one.",
    "x-shunt-model": "The model that answered.",
    "x-shunt-rule": "The rule of the policy that decided.",
    "x-shunt-reason": "Why: the rule's kind, or what happened on the way.",
    "x-shunt-score": "How hard the prompt is, 0 to 1; where a rule has asked for it.",
    "x-shunt-degraded": "Why another target than the one wanted has answered.",
    "x-shunt-ignored": "What of the request was dropped.",
    "x-shunt-cost-usd": "What the answer cost; not in streams, whose usage has it.",
    "x-shunt-saved-usd": "What the policy's largest model would have cost more.",
}
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


@cache
def document() -> dict[str, Any]:
    """The whole document, in OpenAPI 3.1."""
    schemas, components = schemas_of(OPERATIONS.values())
    paths: dict[str, dict[str, object]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _described(method, path, operation, schemas)
    headers = {name: {"description": words, "schema": {"type": "string"}} for name, words in HEADERS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shunt", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {"schemas": components, "headers": headers, "securitySchemes": KEYS},
    }


def _described(method: str, path: str, operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [*_parameters(path, operation)],
        "responses": _answered(path, operation, schemas) | refusals(method, path, operation),
        "security": [] if path in OPEN_PATHS else [{}, *({name: []} for name in KEYS)],
    }
    if operation.body is not None:
        content = {"schema": schemas[operation.body], "example": BODIES[path]}
        described["requestBody"] = {"required": True, "content": {JSON: content}}
    return described


def _parameters(path: str, operation: Operation) -> Iterator[dict[str, object]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for name, schema in operation.query.items():
        yield {"name": name, "in": "query", "required": False, "schema": schema}


def _answered(path: str, operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, dict[str, object]]:
    if operation.status >= 400:
        return {}
    answered: dict[str, object] = {"description": operation.summary}
    if operation.answer is str:
        answered["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif operation.answer is not None:
        answered["content"] = {JSON: {"schema": schemas[operation.answer]}}
    if path in STREAMS:
        stream = {"schema": {"type": "string"}, "example": STREAMS[path]}
        answered["content"] = {JSON: {"schema": schemas[operation.answer]}, "text/event-stream": stream}
    if operation.reach == "targets":
        answered["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    found = {str(operation.status): answered}
    return found | {"503": answered} if path == "/readyz" else found
