"""A body on its way in: read, checked against its schema, and what is dropped of it named."""

from starlette.requests import Request

from router.api.body import read_json
from router.api.parse import BodyT, checked
from router.generations import runtime_of


async def read_body(request: Request, schema: type[BodyT]) -> BodyT:
    """The body as `schema` has it; the fields it drops are named in `x-shunt-ignored`.

    Raises:
        RouterError: it is not JSON, too long, or not what `schema` says.
    """
    server = runtime_of(request).config.server
    given = await read_json(request, server.max_body_bytes)
    body, ignored = checked(schema, given, strict_fields=server.strict_fields)
    if ignored:
        request.scope["state"]["answer_headers"]["x-shunt-ignored"] = ignored
    return body
