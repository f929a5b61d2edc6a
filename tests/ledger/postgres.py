"""A PostgreSQL server of the test's own: a folder, a free port, and nothing left behind."""

import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

POSTGRES_UID = 65_534  # nobody: the server refuses to run as root


class Postgres:
    """A server whose data is in `folder`; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "pg"
        self.database = "postgres"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._data.mkdir()
        if os.geteuid() == 0:
            for parent in (self._data, *folder.parents):
                if parent.stat().st_uid == 0 and "pytest" in str(parent):
                    parent.chmod(0o755)
            folder.chmod(0o755)
            os.chown(self._data, POSTGRES_UID, POSTGRES_UID)
        self._run(_binary("initdb"), "-D", str(self._data), "-A", "trust", "-U", "shunt", "-E", "UTF8", "--no-sync")

    @property
    def url(self) -> str:
        """What `ledger: {url: ...}` is given."""
        return f"postgresql://shunt@127.0.0.1:{self.port}/{self.database}"

    def renew(self) -> None:
        """An empty database for the next test: a server takes seconds to make."""
        import psycopg

        self.database = "postgres"
        with psycopg.connect(self.url, autocommit=True) as connection:
            name = f"test_{secrets.token_hex(4)}"
            connection.execute(f"CREATE DATABASE {name}")
        self.database = name

    def start(self) -> None:
        """Start and wait until it takes connections."""
        options = f"-p {self.port} -k {self._data} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run(_binary("pg_ctl"), "-D", str(self._data), "-w", "-o", options, "-l", str(self._data / "log"), "start")

    def stop(self) -> None:
        """Stop at once, as a crash does."""
        self._run(_binary("pg_ctl"), "-D", str(self._data), "-m", "immediate", "stop")

    def _run(self, *command: str) -> None:
        as_whom = {"user": POSTGRES_UID, "group": POSTGRES_UID} if os.geteuid() == 0 else {}
        subprocess.run(command, check=True, capture_output=True, cwd=self._data, **as_whom)


def _binary(name: str) -> str:
    return str(next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None) or shutil.which(name))


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory):
    pytest.importorskip("psycopg", reason="needs psycopg, the extra `postgres`")
    if _binary("initdb") == "None":
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Postgres:
    postgres_server.renew()
    return postgres_server
