"""The OpenAPI document and what is served say the same, and every route is in it."""

import json
import os
from collections.abc import Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.transport import Response

from router import app
from router.api.openapi.document import document
from router.api.openapi.examples import BODIES
from router.api.openapi.operations import OPERATIONS
from tests.fakes.inside import Client

EXAMPLES = 20 * int(os.environ.get("SHUNT_FUZZ", "1"))
MODELS = ("auto", "small", "vectors", "nobody")
MOST_CHARS = 256
ORIGIN = "http://shunt.example"
SCHEMA = schemathesis.openapi.from_dict(document())
SCHEMA.config.base_url = ORIGIN
# Which other fields one needs (a part's by its type, one of two texts) is told in words, by the error that names them.
SCHEMA.config.checks.positive_data_acceptance.enabled = False


def ask(client: Client, case: schemathesis.Case) -> Response:
    """The answer to a request that schemathesis made up."""
    request = requests.Request(**case.as_transport_kwargs()).prepare()
    body = request.body or b""
    sent = body.encode() if isinstance(body, str) else body
    answer = client.ask(request.method, request.url.removeprefix(ORIGIN), dict(request.headers), sent)
    headers = {name: [value] for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.body, request, elapsed=0.0, verify=False)


@pytest.mark.parametrize("key", OPERATIONS, ids=" ".join)
def test_what_is_answered_is_what_the_document_says(client: Client, key: tuple[str, str]):
    """Requests that follow the document and such that do not: never a 5xx, a status or a body that is not declared."""
    method, path = key

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=SCHEMA[path][method].as_strategy(), model=st.sampled_from(MODELS))
    def holds(case: schemathesis.Case, model: str) -> None:
        named = case.body.get("model") if isinstance(case.body, dict) else None
        if isinstance(named, str) and 1 <= len(named) <= MOST_CHARS:
            case.body = case.body | {"model": model}  # no name that is made up is one of ours
        case.validate_response(ask(client, case))

    holds()


def served() -> Iterator[tuple[str, str]]:
    """Every route there is."""
    for method, path, _ in app.ROUTES:
        yield method, f"/v1{path.replace(':path', '')}"
    for method, path, _ in app.OPS:
        yield method, path


def test_every_route_is_described():
    """A route that nobody described is not published."""
    assert set(OPERATIONS) == set(served())


@pytest.mark.parametrize("path", BODIES)
def test_the_examples_are_answered(client: Client, path: str):
    """Whoever pastes an example gets an answer."""
    case = SCHEMA[path]["POST"].Case(body=BODIES[path], media_type="application/json")
    response = ask(client, case)
    case.validate_response(response)
    assert response.status_code in {200, 202}


def test_what_is_there_is_shown_as_the_document_says(client: Client):
    """An answer that is kept, what it was asked over, its end, and a model by its name."""
    kept = ask(
        client, SCHEMA["/v1/responses"]["POST"].Case(body=BODIES["/v1/responses"], media_type="application/json")
    )
    name, shown = {"name": json.loads(kept.content)["id"]}, "/v1/responses/{name}"
    cases = [
        SCHEMA[shown]["GET"].Case(path_parameters=name),
        SCHEMA[f"{shown}/input_items"]["GET"].Case(path_parameters=name, query={"limit": 5, "order": "asc"}),
        SCHEMA[f"{shown}/cancel"]["POST"].Case(path_parameters=name),
        SCHEMA[shown]["DELETE"].Case(path_parameters=name),
        SCHEMA["/v1/models/{name}"]["GET"].Case(path_parameters={"name": "auto"}),
    ]
    answers = [ask(client, case) for case in cases]
    for case, answer in zip(cases, answers, strict=True):
        case.validate_response(answer)
    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 200]


def test_the_document_is_where_fastapi_publishes_it(client: Client):
    """`/openapi.json` is the document."""
    answer = client.ask("GET", "/openapi.json", {}, b"")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body.count(b"operationId") == len(OPERATIONS)
