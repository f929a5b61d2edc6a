"""Making, finding, rotating and revoking keys: what the commands do to the file."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from router import policy
from router.caller import OptOut
from router.config import Config
from router.errors import ConfigError
from router.keys.file import change, path_in, read
from router.keys.key import Former, Key, digest_of, new_id, new_secret
from router.limit import Limit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new key is to be; the fields are those of `Key`."""

    name: str
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    policies: tuple[str, ...] | None = None
    refused: tuple[OptOut, ...] = ()
    expires_at: float | None = None
    limit: Limit | None = None


class Book:
    """The keys of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._path = path_in(config.state_dir)

    @classmethod
    def of(cls, path: Path | None) -> "Book":
        """The book beside the policy file at `path`.

        Raises:
            ConfigError: the policy file is wrong.
        """
        return cls(policy.load(path))

    def keys(self) -> tuple[Key, ...]:
        """Every key, the oldest first.

        Raises:
            ConfigError: the file cannot be read.
        """
        return read(self._path)

    def find(self, name: str) -> Key:
        """The key with this name or id.

        Raises:
            ConfigError: there is none.
        """
        return _found(self.keys(), name)

    def create(self, wish: Wish, now: float) -> str:
        """Make a key and return its secret, which is kept nowhere.

        Raises:
            ConfigError: the name is taken or no name, or the policy file has no such model or policy.
        """
        self._check(wish)
        key_id = new_id()
        secret = new_secret(key_id)
        key = Key(
            id=key_id,
            name=wish.name,
            sha256=digest_of(secret),
            created_at=now,
            tags=wish.tags,
            models=wish.models,
            policies=wish.policies,
            refused=wish.refused,
            limit=wish.limit,
            expires_at=wish.expires_at,
        )

        def add(keys: tuple[Key, ...]) -> tuple[Key, ...]:
            if any(wish.name in {one.name, one.id} for one in keys):
                # The ledger knows keys by their names, so that a revoked one's is not free either.
                raise ConfigError(f"there is, or was, a key named {wish.name}: choose another name, or rotate it")
            return (*keys, key)

        change(self._path, add)
        return secret

    def rotate(self, name: str, grace_until: float | None = None) -> str:
        """Give a key a new secret and return it; the former one opens until `grace_until`.

        Raises:
            ConfigError: there is no such key, or it was revoked.
        """
        key = self.find(name)
        secret = new_secret(key.id)

        def renewed(one: Key) -> Key:
            if one.revoked_at is not None:
                raise ConfigError(f"the key {name} was revoked: make a new one")
            former = None if grace_until is None else Former(one.sha256, grace_until)
            return replace(one, sha256=digest_of(secret), former=former)

        self._change(key.id, renewed)
        return secret

    def revoke(self, name: str, now: float) -> None:
        """Let a key open no more.

        Raises:
            ConfigError: there is no such key.
        """
        self._change(self.find(name).id, lambda key: replace(key, revoked_at=key.revoked_at or now, former=None))

    def _change(self, key_id: str, edit: Callable[[Key], Key]) -> None:
        change(self._path, lambda keys: tuple(edit(key) if key.id == key_id else key for key in keys))

    def _check(self, wish: Wish) -> None:
        problems = [f"{name}: not a name (letters, digits, '.', '_' and '-')" for name in _ill((wish.name, *wish.tags))]
        problems += [f"no model is called {name}" for name in wish.models or () if name not in self._config.models]
        problems += [f"no policy is called {name}" for name in wish.policies or () if name not in self._config.policies]
        if any(secret.env == wish.name for secret in self._config.server.keys):
            problems.append(f"{wish.name} is the name of a key in the policy file already")
        if problems:
            raise ConfigError(*problems)


def _ill(names: Iterable[str]) -> list[str]:
    return [name for name in names if not _NAME.fullmatch(name)]


def _found(keys: Iterable[Key], name: str) -> Key:
    for key in keys:
        if name in {key.name, key.id}:
            return key
    raise ConfigError(f"there is no key named {name}; `shunt keys list` shows them all")
