"""Gives each request its ticket against the limits, and takes it back however the request ends."""

from starlette.types import ASGIApp, Receive, Scope, Send

from router.keys.ring import ANYBODY, Holder
from router.runtime import Runtime


class Quota:
    """Refuse what exceeds the requests per minute or at one time; what is read without cost (GET) is not counted.

    `scope["state"]["ticket"]` is the request's share; whatever it holds is released when the request is over.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            RateLimited: a limit of the caller is reached.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        runtime: Runtime = state["runtime"]
        holder: Holder = state.get("holder", ANYBODY)
        ticket = state["ticket"] = runtime.quotas.ticket(holder.caller, holder.limit)
        try:
            if scope["method"] == "POST":
                try:
                    await ticket.let_in()
                finally:
                    state["answer_headers"].update(ticket.headers())
            await self.app(scope, receive, send)
        finally:
            ticket.close()
