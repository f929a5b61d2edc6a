"""Checks that the journal, the store and a running server's metrics tell the same."""

import fcntl
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError

from router.config import Config
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.journal import JOURNAL_FOLDER, SUFFIX, try_lock
from router.ledger.record import SHADOW, UsageRecord
from router.ledger.store import Store
from router.ledger.tables import records
from router.ledger.tally import Tally

USD_EACH = 1e-9
"""How far a sum of dollars may be off for each record in it: both sides add floats, in different orders."""

TRIES = 5
WRITTEN = ("shunt_usage_records_total", 'outcome="written"')

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: what was compared, and what is wrong, None when nothing is."""

    what: str
    problem: str | None = None


def verify_store(config: Config) -> list[Check]:
    """Compare every line that is in a journal now with what the store has after draining.

    Raises:
        ConfigError: the ledger cannot be used.
    """
    tally, written = Tally(), dict(_journals(config.state_dir))
    with _open(config) as store:
        drain(config.state_dir, store, tally)
        missing = [name for name, places in written.items() if _stored(store, name, places) < len(places)]
        with store.reading() as connection:
            count = connection.scalar(select(func.count()).select_from(records))
    lost = f"{tally.unreadable} cannot" if tally.unreadable else None
    return [
        Check("every line of the journals can be read", lost),
        Check(f"every record of the journals is among the {count} in the store", ", ".join(missing) or None),
    ]


def verify_metrics(config: Config, scrape: Callable[[], str]) -> list[Check]:
    """Compare what the running server's journals brought with what it says of itself.

    Raises:
        ConfigError: the ledger cannot be used, several servers write to it, or it is never quiet for a moment.
    """
    writer = _writer(config.state_dir)
    for _ in range(TRIES):
        before = scrape()
        with _open(config) as store:
            drain(config.state_dir, store, Tally())
            stored = _sums(store, writer)
        if _series(before, *WRITTEN) == _series(scrape(), *WRITTEN):
            return list(_compared(stored, before))
    raise ConfigError("the server is never idle for long enough to compare: try again when it has less to do")


@contextmanager
def _open(config: Config) -> Iterator[Store]:
    try:
        with Store.of(config.state_dir, config.ledger) as store:
            yield store
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(f"the ledger of {config.state_dir} cannot be used: {type(error).__name__}") from error


def _journals(state_dir: Path) -> Iterator[tuple[str, list[int]]]:
    """Each journal with the places of the records in it."""
    decoder = msgspec.json.Decoder(UsageRecord)
    for path in sorted((state_dir / JOURNAL_FOLDER).glob(f"*{SUFFIX}")):
        places, position = [], 0
        for line in path.read_bytes().splitlines(keepends=True):
            with suppress(msgspec.DecodeError):  # the drainer counts it
                decoder.decode(line)
                places.append(position)
            position += len(line)
        yield path.name, places


def _stored(store: Store, journal: str, places: Sequence[int]) -> int:
    wanted, known = set(places), select(records.c.position).where(records.c.journal == journal)
    with store.reading() as connection:
        return len(wanted & set(connection.scalars(known)))


def _writer(state_dir: Path) -> str:
    """What the names of the journals of the one live server begin with."""
    found = {path.name.rsplit("-", 1)[0] for path in (state_dir / JOURNAL_FOLDER).glob(f"*{SUFFIX}") if _is_live(path)}
    if len(found) != 1:
        raise ConfigError(f"{len(found) or 'no'} servers write to {state_dir}: the metrics of one can be compared")
    return found.pop()


def _is_live(path: Path) -> bool:
    with path.open("rb") as file:
        return not try_lock(file.fileno(), fcntl.LOCK_SH)


def _sums(store: Store, writer: str) -> dict[str, float]:
    table = records.c
    own = table.route != SHADOW
    query = select(
        func.count().label("records"),
        func.coalesce(func.sum(case((own, table.prompt_tokens), else_=0)), 0).label("input tokens"),
        func.coalesce(func.sum(case((own, table.completion_tokens), else_=0)), 0).label("output tokens"),
        func.coalesce(func.sum(table.cost_usd), 0.0).label("US dollars"),
    ).where(table.journal.startswith(writer, autoescape=True))
    with store.reading() as connection:
        return dict(connection.execute(query).one()._mapping)  # noqa: SLF001 - the name that SQLAlchemy gives it in public


def _compared(stored: Mapping[str, float], scrape: str) -> Iterator[Check]:
    told = {
        "records": _series(scrape, *WRITTEN),
        "input tokens": _series(scrape, "gen_ai_client_token_usage_sum", 'gen_ai_token_type="input"'),
        "output tokens": _series(scrape, "gen_ai_client_token_usage_sum", 'gen_ai_token_type="output"'),
        "US dollars": _series(scrape, "shunt_cost_usd_total"),
    }
    for what, found in stored.items():
        # Tokens and records are whole numbers; both sides add dollars as floats, in different orders.
        off = USD_EACH * max(1.0, stored["records"]) if what == "US dollars" else 0.0
        is_equal = abs(found - told[what]) <= off
        problem = None if is_equal else f"the store has {found:.12g}, Prometheus {told[what]:.12g}"
        yield Check(f"{what} of the running server: {found:.12g}", problem)


def _series(scrape: str, name: str, label: str = "") -> float:
    """The sum over the samples of `name` that carry `label`."""
    found = (_SAMPLE.fullmatch(line) for line in scrape.splitlines())
    return sum(float(one[3]) for one in found if one and one[1] == name and label in (one[2] or ""))
