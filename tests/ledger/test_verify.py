"""`shunt ledger verify`: journal, store and metrics are compared, and a difference is found."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete

from router.config import Config
from router.dispatch.trace import Trace
from router.errors import ConfigError
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.ledger.store import Store, records
from router.ledger.tally import Tally
from router.ledger.verify import verify_metrics, verify_store
from router.telemetry.metrics import Metrics
from tests.ledger.books import drained
from tests.ledger.examples import record

CONFIG = Config(None, models={}, tiers=(), policies={}, default_policy="auto")


def place(folder: Path) -> Config:
    return replace(CONFIG, state_dir=folder)


class Server:
    """What a running server writes and says of itself."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / JOURNAL_FOLDER)
        self.journal.open()
        self.metrics, self.tally = Metrics(CONFIG), Tally()

    def answer(self, request_id: str, **changes: object) -> None:
        one = record(request_id, cost_usd=0.1, **changes)
        self.journal.append(one)
        self.tally.written += 1
        self.metrics.finished(one, Trace())

    def scrape(self) -> str:
        self.metrics.observe_ledger(self.tally)
        return self.metrics.render("")[0].decode()


@pytest.fixture
def server(tmp_path: Path):
    running = Server(tmp_path)
    for number in range(10):
        running.answer(f"req_{number}", prompt_tokens=number)
    yield running
    running.journal.close()


def problems(checks: list) -> list[str]:
    return [check.problem for check in checks if check.problem]


def test_all_three_agree(server: Server, tmp_path: Path):
    """Nothing is wrong with what was written, stored and counted, also once some is in the store for long."""
    assert problems(verify_store(place(tmp_path)) + verify_metrics(place(tmp_path), server.scrape)) == []
    server.answer("later")
    assert problems(verify_store(place(tmp_path)) + verify_metrics(place(tmp_path), server.scrape)) == []


def test_a_row_that_went_missing_is_found(server: Server, tmp_path: Path):
    """A record that the journal has and the store has not is told with its journal, and the sums differ too."""
    drained(tmp_path)
    with Store.in_folder(tmp_path) as store, store.engine.begin() as connection:
        connection.execute(delete(records).where(records.c.request_id == "req_3"))
    assert ".jsonl" in problems(verify_store(place(tmp_path)))[0]
    assert len(problems(verify_metrics(place(tmp_path), server.scrape))) == 4


def test_what_cannot_be_read_is_told(server: Server, tmp_path: Path):
    """A damaged line is a finding, not a silence."""
    with next((tmp_path / JOURNAL_FOLDER).glob("*.jsonl")).open("ab") as file:
        file.write(b"garbage\n")
    assert problems(verify_store(place(tmp_path))) == ["1 cannot"]


def test_a_server_that_is_never_idle_says_so(server: Server, tmp_path: Path):
    """Between two scrapes that differ nothing can be said."""

    def scrape() -> str:
        server.answer("another")
        return server.scrape()

    with pytest.raises(ConfigError, match="idle"):
        verify_metrics(place(tmp_path), scrape)


def test_without_a_server_there_is_nothing_to_compare(server: Server, tmp_path: Path):
    """The journals of a server that has ended are no running server's."""
    server.journal.close()
    with pytest.raises(ConfigError, match="no servers"):
        verify_metrics(place(tmp_path), server.scrape)
