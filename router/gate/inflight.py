"""How many requests may be under way at one time."""

from starlette.types import ASGIApp, Receive, Scope, Send

from router.errors import Overloaded

RETRY_AFTER_S = 1.0


class Inflight:
    """Refuse what exceeds `most` requests at one time; probes, metrics and lists are not counted."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self.app = app
        self.most = most
        self.now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Overloaded: `most` requests are under way already.
        """
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self.now >= self.most:
            raise Overloaded("Too many requests at one time.", retry_after_s=RETRY_AFTER_S)
        self.now += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.now -= 1
