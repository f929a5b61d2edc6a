"""`GET /v1/usage`: what the caller's own key has spent, and what it may."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from router.limits.ticket import Ticket


async def show_usage(request: Request) -> JSONResponse:
    """Known costs of this day and month of UTC, and the limits that apply; without keys, those of everybody."""
    ticket: Ticket = request.scope["state"]["ticket"]
    return JSONResponse(ticket.standing())
