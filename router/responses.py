"""Answers that a later request may continue from: kept for a time, for the key that asked for them and nobody else."""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from router.cache.store import Store
from router.chat import Json

_encoder = msgspec.json.Encoder()


class Kept(msgspec.Struct, frozen=True):
    """One response, with all the items that it was asked over: those of the conversation before it included."""

    response: dict[str, object]
    items: list[dict[str, object]]

    @property
    def conversation(self) -> list[Mapping[str, object]]:
        """What a request that continues it begins with."""
        output = self.response.get("output")
        return [*self.items, *(output if isinstance(output, list) else ())]


class Responses:
    """The responses of one process, or of several that share a Redis. `ttl_s` None keeps none."""

    def __init__(self, store: Store, ttl_s: float | None) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self._decoder = msgspec.json.Decoder(Kept)

    @property
    def keeps(self) -> bool:
        """False where the policy file says that none are kept."""
        return self._ttl_s is not None

    async def get(self, owner: str, name: str) -> Kept | None:
        """The response called `name`, if it is the owner's and its time is not up."""
        stored = await self._store.get(_key(owner, name)) if self.keeps else None
        return None if stored is None else self._decoder.decode(stored)

    async def item(self, owner: str, name: str) -> dict[str, object] | None:
        """The item of a kept response that is called `name`."""
        stored = await self._store.get(_key(owner, name)) if self.keeps else None
        found = None if stored is None else msgspec.json.decode(stored)
        return found if isinstance(found, dict) else None

    def keep(self, owner: str, response: Json, items: Sequence[Json]) -> None:
        """Keep a response and each item of its output; returns at once."""
        if self._ttl_s is None:
            return
        self._store.put(
            _key(owner, str(response["id"])), _encoder.encode({"response": response, "items": items}), self._ttl_s
        )
        output = response.get("output")
        for item in output if isinstance(output, list) else ():
            self._store.put(_key(owner, str(item["id"])), _encoder.encode(item), self._ttl_s)

    def drop(self, owner: str, kept: Kept) -> None:
        """Forget a response, and the items of its output."""
        output = kept.response.get("output")
        names = [str(kept.response["id"]), *(str(item["id"]) for item in (output if isinstance(output, list) else ()))]
        for name in names:
            self._store.drop(_key(owner, name))

    async def close(self) -> None:
        """Let go of what is open."""
        await self._store.close()


def _key(owner: str, name: str) -> str:
    """Hashed, because the name is a client's and may be anything."""
    return "response:" + hashlib.sha256(f"{owner}\0{name}".encode("utf-8", "replace")).hexdigest()
