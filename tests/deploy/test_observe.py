"""`make observe`, as a person types it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.places import DEPLOY, program
from tests.fakes.patience import PATIENCE_S


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def folder(tmp_path: Path, address: str) -> Iterator[Path]:
    """A copy of what it needs, in which it runs."""
    program("prometheus")
    make = str(shutil.which("make"))
    shutil.copy(DEPLOY.parent / "Makefile", tmp_path)
    shutil.copytree(DEPLOY / "prometheus", tmp_path / "deploy" / "prometheus")
    with (tmp_path / "said").open("wb") as said:
        observing = subprocess.Popen(
            [make, "observe", f"OBSERVE={address}"], cwd=tmp_path, stdout=said, stderr=said, start_new_session=True,
            env={**os.environ, "SHUNT_API_KEY": "sk a'b"},
        )  # fmt: skip
    yield tmp_path
    os.killpg(observing.pid, signal.SIGTERM)
    observing.wait(PATIENCE_S)


def told(address: str, what: str) -> Any:
    """What Prometheus says of itself, once it answers."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/{what}", timeout=PATIENCE_S) as answer:
                return json.load(answer)["data"]
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_it_starts_prometheus_with_our_rules_and_says_where(folder: Path, address: str):
    """Every rule file is loaded, the key is where the configuration reads it, and the addresses are printed."""
    groups = {group["name"] for group in told(address, "rules")["groups"]}
    assert groups == {"shunt-recording", "shunt-budgets", "shunt-alerts", "shunt-slo"}
    assert "- 127.0.0.1:8080" in told(address, "status/config")["yaml"]
    key = folder / "build" / "prometheus.key"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("sk a'b", 0o600)
    said = (folder / "said").read_text()
    assert f"Prometheus   http://{address} (its alerts: http://{address}/alerts)" in said
    assert "sk a'b" not in said
