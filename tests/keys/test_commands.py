"""`shunt keys` as a person types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.cli import app
from router.errors import ConfigError
from router.keys.ring import Ring
from router.policy import load
from router.serve import run
from tests.policy.files import SIMPLE


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "shunt.yaml"
    path.write_text(f"{SIMPLE}state_dir: state\n")
    return path


def keys(config: Path, *arguments: str) -> str:
    return CliRunner().invoke(app, ["keys", *arguments, "--config", str(config)], catch_exceptions=False).stdout


def test_a_key_from_its_making_to_its_end(config: Path):
    """The secret is alone on standard output, once; lists never show it."""
    secret = keys(
        config, "create", "app", "--tag", "team-a", "--model", "small", "--usd-per-day", "3", "--refuse", "zone"
    )
    assert secret.startswith("sk-shunt-")
    assert Ring.of(load(config)).find(secret.strip().encode()).caller.models == {"small"}
    listed = keys(config, "list")
    assert "app" in listed
    assert "usd_per_day 3.0; on_exceed reject" in listed
    shown = json.loads(keys(config, "show", "app", "--json"))
    assert (shown["state"], shown["tags"], shown["refused"]) == ("active", ["team-a"], ["zone"])
    rotated = keys(config, "rotate", "app", "--grace", "1h")
    keys(config, "revoke", "app")
    everything = listed + keys(config, "list", "--json") + keys(config, "show", "app")
    assert "revoked" in everything
    for one in (secret, rotated):
        assert one.strip().rsplit("-", 1)[1] not in everything


def test_without_keys_the_list_says_what_to_do(config: Path):
    """Nobody has to look up how to make the first key."""
    assert "shunt keys create" in keys(config, "list")


def test_strangers_need_a_key_before_it_starts(config: Path):
    """An address that others can reach is refused without a key, with the cure, and the port is never opened."""
    with pytest.raises(ConfigError, match="shunt keys create NAME"):
        run(config, host="0.0.0.0", port=0)
