"""`shunt launch`: a program is started against the router with what it reads, and nobody else's key reaches it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.cli import app
from router.errors import ConfigError
from router.launch import router
from router.launch.agents import AGENTS
from router.launch.start import Place
from tests.fakes.served import served

KEY = "sk-of-this-router-1234567890"
URL = "http://127.0.0.1:9999"
POLICY = """
version: 1
models:
  large: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, context: 1000}}
tiers: [large]
policies:
  auto: {{select: [{{id: all, target: large}}]}}
state_dir: {folder}/state
cache_dir: {folder}/cache
server: {{keys: [env:TEST_KEY]}}
"""
TELL = f"""#!{sys.executable}
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ)]))
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs by the agents' names; each tells how it was started."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in AGENTS:
        (folder / name).write_text(TELL)
        (folder / name).chmod(0o755)
    return folder


async def launch(*arguments: str, path: Path, **environ: str) -> tuple[int, str, str]:
    env = {**os.environ, "PATH": str(path), **environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router", "launch", *arguments, env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_program_is_started_with_what_it_reads(tmp_path: Path, programs: Path):
    """Address, model and key reach it, the user's own arguments as they are, and Anthropic's key does not."""
    (tmp_path / "shunt.yaml").write_text(POLICY.format(folder=tmp_path))
    async with served(tmp_path / "shunt.yaml", {"TEST_KEY": KEY}) as (url, _):
        status, out, err = await launch(
            "claude", "--url", url, "--", "-p", "one 'word' $HOME", path=programs,
            SHUNT_API_KEY=KEY, ANTHROPIC_API_KEY="sk-ant-not-for-this-router",
        )  # fmt: skip
        refused = await launch("claude", "--url", url, path=programs, SHUNT_API_KEY="sk-another")
        unknown = await launch("codex", "--url", url, "-m", "nobody", path=programs, SHUNT_API_KEY=KEY)
    assert (status, err) == (0, "")
    arguments, environ = json.loads(out)
    assert arguments == ["-p", "one 'word' $HOME"]
    assert (environ["ANTHROPIC_BASE_URL"], environ["ANTHROPIC_AUTH_TOKEN"]) == (url, KEY)
    assert environ["ANTHROPIC_MODEL"] == environ["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "auto"
    assert environ["CLAUDE_CODE_ATTRIBUTION_HEADER"] == "0"
    assert "ANTHROPIC_API_KEY" not in environ
    assert refused == (2, "", f"{url} answers 401: give a key in SHUNT_API_KEY\n")
    assert unknown == (2, "", f"{url} answers 404: it has no nobody; --model names another\n")


async def test_nothing_starts_where_no_router_answers(programs: Path):
    """Who forgot `shunt serve` is told so, and not by the program after a minute of retries."""
    status, out, err = await launch("claude", "--url", "http://127.0.0.1:1", path=programs)
    assert (status, out) == (2, "")
    assert "start it with shunt serve" in err


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("key", [KEY, None])
def test_the_printed_line_does_the_same(programs: Path, name: str, key: str | None):
    """Pasted into a shell, the line starts the program with the same arguments and environment, whatever the model's name."""
    start = AGENTS[name].start(Place(URL, 'it\'s "odd" $HOME', key))
    inherited = {"PATH": f"{programs}:{os.environ['PATH']}", "ANTHROPIC_API_KEY": "sk-ant", "SHUNT_API_KEY": KEY}
    printed = subprocess.run(
        ["/bin/sh", "-c", start.shown(key)], env=inherited, capture_output=True, text=True, check=True
    )
    arguments, environ = json.loads(printed.stdout)
    assert arguments == list(start.command[1:])
    expected = start.environment(inherited)
    assert {name: environ.get(name) for name in expected} == expected
    assert "ANTHROPIC_API_KEY" not in environ or not start.without


@pytest.mark.parametrize("name", AGENTS)
def test_a_key_is_printed_only_when_asked_for(name: str):
    """The line names the variable that holds the key; `--show-key` shows the key; nothing shows it by accident."""
    said = [
        CliRunner().invoke(app, ["launch", name, "--url", URL, "--print", *more], env={"SHUNT_API_KEY": KEY}).stdout
        for more in ([], ["--show-key"])
    ]
    assert [KEY in line for line in said] == [False, True]
    assert "$SHUNT_API_KEY" in said[0]
    place = Place(URL, "auto", KEY)
    assert KEY not in repr(place) + repr(AGENTS[name].start(place))


def test_the_policy_file_says_where_the_router_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Host, port and the first key are the file's; a key of the environment goes before it, everywhere means here."""
    path = tmp_path / "shunt.yaml"
    path.write_text(POLICY.format(folder=tmp_path).replace("keys:", "host: 0.0.0.0, port: 8123, keys:"))
    monkeypatch.setenv("TEST_KEY", "sk-first")
    assert router.place(path, None, "auto", {}) == Place("http://127.0.0.1:8123", "auto", "sk-first")
    assert router.place(path, None, "auto", {"SHUNT_API_KEY": KEY}).key == KEY
    assert router.place(None, "http://[::1]:80/v1/", "x", {}) == Place("http://[::1]:80", "x")
    with pytest.raises(ConfigError):
        router.place(None, "file:///etc/passwd", "x", {})


def test_without_a_name_the_programs_are_listed(monkeypatch: pytest.MonkeyPatch, programs: Path):
    """What is installed, and how the rest is got; a name that is not known lists the known ones."""
    (programs / "codex").unlink()
    monkeypatch.setenv("PATH", str(programs))
    lines = CliRunner().invoke(app, ["launch"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(AGENTS)
    assert [line.endswith(" installed") for line in lines] == [name != "codex" for name in AGENTS]
    with pytest.raises(ConfigError, match="known are aider, claude, codex"):
        CliRunner().invoke(app, ["launch", "emacs"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="Codex CLI is not installed"):
        CliRunner().invoke(app, ["launch", "codex", "--url", URL], catch_exceptions=False)
