"""The keys in memory: what a request's key opens is known without a file, a database or a wait."""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from router.caller import ANYONE, Caller
from router.config import Config, Secret
from router.errors import ConfigError, Unauthorized
from router.keys.file import path_in, read
from router.keys.key import Key, id_in
from router.limit import Limit

POLL_S = 0.25
MAX_KEY_BYTES = 512

logger = logging.getLogger("shunt.keys")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks, and the limit of the key alone if it has one."""

    caller: Caller = ANYONE
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    key: Key
    holder: Holder
    digests: tuple[tuple[bytes, float | None], ...]


ANYBODY = Holder()
_NOBODY = hashlib.sha256(b"").digest()


class Ring:
    """Every key that opens: those of the file at `path`, and the configured `secrets`.

    With neither, everybody may come in (the server then listens on loopback only). Keys that are all revoked or expired,
    or a file that is gone, still keep the door shut.

    Raises:
        ConfigError: the file cannot be read.
    """

    def __init__(self, secrets: Iterable[Secret] = (), path: Path | None = None) -> None:
        self._path = path
        self._secrets = [(_digest(one.value.encode()), Holder(Caller(key=one.env))) for one in secrets]
        self._signature = _signature(path)
        self._entries: Mapping[str, _Entry] = _entries(path)
        self._is_shut = bool(self._secrets or self._entries)

    @classmethod
    def of(cls, config: Config) -> "Ring":
        """The keys of one configuration."""
        return cls(config.server.keys, path_in(config.state_dir))

    @property
    def is_open(self) -> bool:
        """True while no key was ever configured."""
        return not self._is_shut

    @property
    def has_several(self) -> bool:
        """True when a key tells one caller from another."""
        return len(self._secrets) + len(self._entries) > 1

    def limits(self) -> Iterator[Limit]:
        """The limits of the keys themselves."""
        return (entry.holder.limit for entry in self._entries.values() if entry.holder.limit is not None)

    def find(self, presented: bytes, now: float | None = None) -> Holder:
        """Who holds `presented`. The comparison takes the same time whatever part of it is right.

        Raises:
            Unauthorized: nobody, or the key opens no more.
        """
        digest = _digest(presented[: MAX_KEY_BYTES + 1])
        now = time.time() if now is None else now
        # The id is no secret: what is compared in constant time is the digest of the whole.
        entry = self._entries.get(id_in(presented[:MAX_KEY_BYTES]))
        known = [*self._secrets, *_of(entry, now), (_NOBODY, ANYBODY)]
        matches = [holder for one, holder in known if hmac.compare_digest(digest, one)]
        if not matches or not presented or len(presented) > MAX_KEY_BYTES:
            raise Unauthorized("A valid key is needed: `Authorization: Bearer KEY` or `x-api-key: KEY`.")
        state = "active" if entry is None or matches[0] is not entry.holder else entry.key.state(now)
        if state != "active":
            raise Unauthorized(f"This key {'has expired' if state == 'expired' else 'was revoked'}.")
        return matches[0]

    async def watch(self) -> None:
        """Take over every change of the file within a second, until cancelled; a file that cannot be read changes nothing."""
        while True:
            await asyncio.sleep(POLL_S)
            if _signature(self._path) != self._signature:
                await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Read the file again."""
        signature = _signature(self._path)
        try:
            entries = _entries(self._path)
        except ConfigError as error:
            logger.error("the keys stay as they were: %s", "; ".join(error.problems))  # noqa: TRY400 - the words are all there is to it
        else:
            self._entries = entries
            self._is_shut = self._is_shut or bool(entries)
        self._signature = signature


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _of(entry: _Entry | None, now: float) -> Iterator[tuple[bytes, Holder]]:
    if entry is not None:
        yield from ((digest, entry.holder) for digest, until in entry.digests if until is None or now < until)


def _entries(path: Path | None) -> dict[str, _Entry]:
    return {} if path is None else {key.id: _entry(key) for key in read(path)}


def _entry(key: Key) -> _Entry:
    former = () if key.former is None else ((bytes.fromhex(key.former.sha256), key.former.until),)
    return _Entry(key, Holder(key.caller(), key.limit), ((bytes.fromhex(key.sha256), None), *former))


def _signature(path: Path | None) -> tuple[int, int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)
