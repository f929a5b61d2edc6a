"""Who may call: SHA-256 digests of the configured keys, compared in constant time."""

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
        self._digests = tuple(hashlib.sha256(key.value.encode()).digest() for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Unauthorized: keys are configured and the request has none of them.
        """
        if self._digests and scope["type"] == "http" and self._is_guarded(scope) and not self._knows(_key(scope)):
            raise Unauthorized("A valid key is needed: `Authorization: Bearer KEY` or `x-api-key: KEY`.")
        await self.app(scope, receive, send)

    def _is_guarded(self, scope: Scope) -> bool:
        return scope["method"] != "OPTIONS" and scope["path"] not in OPEN_PATHS

    def _knows(self, key: bytes) -> bool:
        digest = hashlib.sha256(key).digest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(matches) and len(key) <= MAX_KEY_BYTES


def _key(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:].strip())
    return b""
