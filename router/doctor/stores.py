"""What several servers share: the ledger's database, and the Redis of limits and answers. Does each one answer?"""

import asyncio
from collections.abc import Iterator

from router.config import Config, LedgerSettings, Secret
from router.doctor.finding import Finding
from router.errors import ConfigError

PATIENCE_S = 3.0


def findings(config: Config) -> Iterator[Finding]:
    """One for each that the policy file names; none of their addresses is shown, since it may hold a password."""
    if config.ledger.url is not None:
        yield _database(config, config.ledger, config.ledger.url)
    for what, address in (("replicas", config.replicas.redis), ("cache", config.cache.redis)):
        if address is not None:
            yield _redis(what, address)


def _database(config: Config, settings: LedgerSettings, address: Secret) -> Finding:
    # SQLAlchemy takes half a second to import: only where there is a database.
    from sqlalchemy import select  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from router.ledger.store import Store  # noqa: PLC0415

    cure = f"Is it running, and is {address.env} right? Until then records wait in the journal."
    try:
        with Store.of(config.state_dir, settings) as store, store.engine.connect() as connection:
            connection.execute(select(1))
    except ConfigError as error:
        return Finding("bad", "ledger", str(error))
    except SQLAlchemyError as error:
        return Finding("bad", "ledger", f"the database does not answer: {type(error).__name__}", cure)
    return Finding("ok", "ledger", "the database answers")


def _redis(what: str, address: Secret) -> Finding:
    try:
        from router.limits.redis import ping  # noqa: PLC0415 - an extra
    except ImportError:
        return Finding("bad", what, "the redis library is not installed", "pip install redis")
    try:
        asyncio.run(ping(address.value, PATIENCE_S))
    except ValueError:
        return Finding("bad", what, f"{address.env} is not an address of a Redis", "Like redis://host:6379/0.")
    except ConnectionError as error:
        cure = f"Is it running, and is {address.env} right? No request waits for it."
        return Finding("note", what, f"the Redis does not answer: {error}", cure)
    return Finding("ok", what, "the Redis answers")
