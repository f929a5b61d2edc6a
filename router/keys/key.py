"""One key: what is kept of it, and how its secret is made and told apart."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec

from router.caller import EVERY_OPT_OUT, Caller, OptOut
from router.limit import Limit

PREFIX = "sk-shunt-"
State: TypeAlias = Literal["active", "expired", "revoked"]
Sha256: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

_SHAPE = re.compile(rb"sk-shunt-([0-9a-f]{12})-[0-9a-f]{48}")


@dataclass(frozen=True, slots=True)
class Former:
    """The secret before the last rotation, which still opens `until` (Unix seconds)."""

    sha256: Sha256
    until: float


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. Its secret is not: `sha256` is its digest in hexadecimal. Times in Unix seconds.

    `refused` are the request headers that it may not send, as in `Caller.may`. `limit` is always of this key alone.
    """

    id: str
    name: str
    sha256: Sha256
    created_at: float
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    policies: tuple[str, ...] | None = None
    refused: tuple[OptOut, ...] = ()
    limit: Limit | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    former: Former | None = None

    def state(self, now: float) -> State:
        """Whether it opens at `now`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def caller(self) -> Caller:
        """Who asks with it."""
        return Caller(
            tags=frozenset(self.tags),
            may=EVERY_OPT_OUT - set(self.refused),
            key=self.name,
            models=None if self.models is None else frozenset(self.models),
            policies=None if self.policies is None else frozenset(self.policies),
        )


def new_id() -> str:
    """A name for a key that is part of its secret and no secret itself: it is how the key is found."""
    return secrets.token_hex(6)


def new_secret(key_id: str) -> str:
    """A secret of 192 random bits for the key."""
    return f"{PREFIX}{key_id}-{secrets.token_hex(24)}"


def id_in(presented: bytes) -> str:
    """The id in something that looks like one of our secrets; empty for anything else."""
    match = _SHAPE.fullmatch(presented)
    return match[1].decode() if match else ""


def digest_of(secret: str) -> str:
    """SHA-256 in hexadecimal. The secret is random, so a slow hash would protect nothing that this one does not."""
    return hashlib.sha256(secret.encode()).hexdigest()
