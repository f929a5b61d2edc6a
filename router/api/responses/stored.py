"""What can be done with an answer that is kept: look at it, look at what it was asked over, forget it."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from router.api.fields import printable
from router.chat import Json
from router.errors import BadRequest, NotFound
from router.generations import runtime_of
from router.limits.ticket import Ticket
from router.responses import Kept

MOST_ITEMS = 100


async def show_response(request: Request) -> JSONResponse:
    """`GET /v1/responses/{id}`.

    Raises:
        NotFound: no such response is kept for this key.
        BadRequest: it is asked for as a stream.
    """
    if request.query_params.get("stream") == "true":
        raise BadRequest("An answer that is over is not streamed again.", param="stream")
    return JSONResponse((await _kept(request)).response)


async def delete_response(request: Request) -> JSONResponse:
    """`DELETE /v1/responses/{id}`.

    Raises:
        NotFound: no such response is kept for this key.
    """
    kept = await _kept(request)
    runtime_of(request).responses.drop(owner_of(request), kept)
    return JSONResponse({"id": kept.response["id"], "object": "response", "deleted": True})


async def cancel_response(request: Request) -> JSONResponse:
    """`POST /v1/responses/{id}/cancel`: only answers in the background can be cancelled, and none is given there.

    Raises:
        NotFound: no such response is kept for this key.
        BadRequest: it is kept, and so over.
    """
    await _kept(request)
    raise BadRequest("Cannot cancel a synchronous response: close its connection.", param="response_id")


async def list_input_items(request: Request) -> JSONResponse:
    """`GET /v1/responses/{id}/input_items`: the newest first, unless `order=asc`.

    Raises:
        NotFound: no such response is kept for this key.
        BadRequest: `limit` or `order` is none.
    """
    kept = await _kept(request)
    query = request.query_params
    limit, order = query.get("limit", "20"), query.get("order", "desc")
    if not limit.isdecimal() or not 1 <= int(limit[:4]) <= MOST_ITEMS:
        raise BadRequest(f"Invalid value for `limit`: 1 to {MOST_ITEMS}.", param="limit")
    if order not in {"asc", "desc"}:
        raise BadRequest("Invalid value for `order`: asc or desc.", param="order")
    items = [_named(item, str(kept.response["id"]), at) for at, item in enumerate(kept.items)]
    items = items if order == "asc" else items[::-1]
    ids = [item["id"] for item in items]
    after = query.get("after")
    start = ids.index(after) + 1 if after in ids else 0
    page = items[start : start + int(limit)]
    return JSONResponse(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + len(page) < len(items),
        }
    )


def unknown(name: str, param: str) -> NotFound:
    """The answer to an id that nothing is kept under, or under which only another key's response is kept."""
    return NotFound(f"No response '{printable(name)}' is kept here for this key.", param=param)


def owner_of(request: Request) -> str:
    """Whose responses a request may see: those of its key; without keys everybody's are one."""
    ticket: Ticket = request.scope["state"]["ticket"]
    return ticket.caller.key or ""


async def _kept(request: Request) -> Kept:
    name = request.path_params["name"]
    kept = await runtime_of(request).responses.get(owner_of(request), name)
    if kept is None:
        raise unknown(name, "response_id")
    return kept


def _named(item: Json, response: str, at: int) -> dict[str, object]:
    """An item as the API lists it: every one has a type and an id, and a message's content is in parts."""
    named = {"type": "message", "id": f"msg_{response.removeprefix('resp_')}i{at:02x}", **item}
    if named["type"] == "message" and isinstance(named.get("content"), str):
        kind = "output_text" if named.get("role") == "assistant" else "input_text"
        named["content"] = [{"type": kind, "text": named["content"]}]
    return named
