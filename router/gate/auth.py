"""Who may call: SHA-256 digests of the configured keys, compared in constant time.

Where there are several keys, `scope["state"]["caller"]` says which one a request came with, by the name of its variable.
"""

import hashlib
import hmac
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from router.config import Secret
from router.errors import Unauthorized

OPEN_PATHS = frozenset({"/livez", "/readyz"})
MAX_KEY_BYTES = 512


class Auth:
    """Refuse a request that carries none of `keys`; with no keys at all the router is open (loopback only)."""

    def __init__(self, app: ASGIApp, *, keys: Iterable[Secret]) -> None:
        self.app = app
        self._digests = tuple((key.env, hashlib.sha256(key.value.encode()).digest()) for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Unauthorized: keys are configured and the request has none of them.
        """
        if self._digests and scope["type"] == "http" and self._is_guarded(scope):
            name = self._name(_key(scope))
            if name is None:
                raise Unauthorized("A valid key is needed: `Authorization: Bearer KEY` or `x-api-key: KEY`.")
            if len(self._digests) > 1:
                scope["state"]["caller"] = name
        await self.app(scope, receive, send)

    def _is_guarded(self, scope: Scope) -> bool:
        return scope["method"] != "OPTIONS" and scope["path"] not in OPEN_PATHS

    def _name(self, key: bytes) -> str | None:
        digest = hashlib.sha256(key).digest()
        matches = [name for name, known in self._digests if hmac.compare_digest(digest, known)]
        return matches[0] if matches and len(key) <= MAX_KEY_BYTES else None


def _key(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:].strip())
    return b""
