"""What it takes to enforce limits together with other replicas: a Redis, and a name for the records that this one began with."""

import os
import secrets
from pathlib import Path

from router.config import Config
from router.errors import ConfigError
from router.limits.commons import Desk

NO_REDIS = "replicas.redis needs the redis library: pip install redis"
IDENTITY = "identity"


def desk_of(config: Config) -> Desk | None:
    """Where limits are shared; None where they are not.

    Raises:
        ConfigError: the library for it is not installed or cannot read the address.
    """
    redis = config.replicas.redis
    if redis is None:
        return None
    try:
        from router.limits import redis as common  # noqa: PLC0415 - an extra, and only here

        return common.Desk(redis.value)
    except ImportError as error:
        raise ConfigError(NO_REDIS) from error
    except ValueError as error:
        raise ConfigError(f"{redis.env} is not an address of a Redis") from error


def records_of(config: Config) -> str:
    """A name for the records that tell what was spent before: that of a database, or of this state folder alone.

    Raises:
        ConfigError: the state folder cannot be written.
    """
    if config.ledger.url is not None:
        return "database"
    try:
        return _identity(config.state_dir / IDENTITY)
    except OSError as error:
        raise ConfigError(f"the state folder {config.state_dir} cannot be written: {error.strerror}") from error


def _identity(path: Path) -> str:
    """What the file says; it is made once, whole or not at all."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{IDENTITY}.{secrets.token_hex(4)}")
        fresh.write_text(secrets.token_hex(8))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process of this folder was faster
        finally:
            fresh.unlink()
    return path.read_text()
