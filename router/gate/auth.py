"""Who may call: the holder of a key of the ring, or with no key at all everybody (loopback only).

`scope["state"]["holder"]` says who asks. Where there are several keys, `scope["state"]["caller"]` is the name of the one that a
request came with.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from router.keys.ring import ANYBODY, Ring

OPEN_PATHS = frozenset({"/livez", "/readyz"})


class Auth:
    """Refuse a request that carries no key of `ring`; while that has none, the router is open."""

    def __init__(self, app: ASGIApp, *, ring: Ring) -> None:
        self.app = app
        self._ring = ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Unauthorized: there are keys and the request has none of them.
        """
        if scope["type"] == "http":
            state = scope["state"]
            state["holder"] = ANYBODY
            if not self._ring.is_open and self._is_guarded(scope):
                holder = self._ring.find(_key(scope))
                state["holder"] = holder
                if self._ring.has_several:
                    state["caller"] = holder.caller.key
        await self.app(scope, receive, send)

    def _is_guarded(self, scope: Scope) -> bool:
        return scope["method"] != "OPTIONS" and scope["path"] not in OPEN_PATHS


def _key(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:].strip())
    return b""
