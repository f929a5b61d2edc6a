"""The `shunt` command as a person types it."""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.fakes.gguf_model import write_tiny_gguf

LARGE_VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SHUNT_LARGE_URL")


async def shunt(*arguments: str, cwd: Path, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    base = {name: value for name, value in os.environ.items() if name not in LARGE_VARIABLES}
    env = base | {"XDG_STATE_HOME": str(cwd / "state"), "COLUMNS": "120"} | environ
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router", *arguments, cwd=cwd, env=env,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(stdin.encode())
    return process.returncode, out.decode(), err.decode()


async def test_help_names_the_verbs(tmp_path: Path):
    """`shunt --help` shows every verb."""
    status, out, _ = await shunt("--help", cwd=tmp_path)
    assert status == 0
    for verb in (
        "serve",
        "engine",
        "ask",
        "route",
        "score",
        "usage",
        "doctor",
        "launch",
        "tail",
        "top",
        "calibrate",
        "train",
        "evaluate",
        "init",
        "policy",
        "models",
        "--install-completion",
    ):
        assert verb in out


async def test_init_writes_a_file_that_passes_its_own_check(tmp_path: Path):
    """What `shunt init` writes is accepted, and is never overwritten by accident."""
    assert (await shunt("init", cwd=tmp_path))[0] == 0
    assert (await shunt("policy", "check", cwd=tmp_path))[0] == 0
    assert (await shunt("policy", "test", cwd=tmp_path))[0] == 0
    status, _, err = await shunt("init", cwd=tmp_path)
    assert (status, "exists already" in err) == (2, True)


async def test_a_wrong_file_ends_with_status_2_and_every_problem(tmp_path: Path):
    """A typo is told with file, line and the nearest valid name, and nothing starts."""
    (tmp_path / "shunt.yaml").write_text("version: 1\nmodles: {}\ntiers: [small]\n")
    status, _, err = await shunt("serve", cwd=tmp_path)
    assert status == 2
    assert "shunt.yaml:2" in err
    assert "models" in err


async def test_an_open_address_without_a_key_is_refused(tmp_path: Path):
    """Nobody exposes a router to a network by accident."""
    status, _, err = await shunt("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)
    assert (status, "there is no key: make one with `shunt keys create NAME`" in err) == (2, True)


async def test_route_explains_without_a_model(tmp_path: Path):
    """`shunt route` needs neither a model nor a key; `--json` is one object."""
    status, out, _ = await shunt("route", "Prove Fermat's little theorem.", "--json", cwd=tmp_path,
                                 OPENAI_API_KEY="sk-unused")  # fmt: skip
    why = json.loads(out)
    assert (status, why["target"], why["rule"]) == (0, "large", "learned")
    assert why["moved_by"]
    status, out, _ = await shunt("route", "Hello!", cwd=tmp_path, OPENAI_API_KEY="sk-unused")
    assert status == 0
    assert "score" in out


async def test_score_answers_line_by_line(tmp_path: Path):
    """`shunt score` keeps the order, and a bad line ends it with its number."""
    lines = '{"prompt": "Hi!"}\n{"prompt": "Prove that the square root of 2 is irrational."}\n'
    status, out, _ = await shunt("score", cwd=tmp_path, stdin=lines)
    easy, hard = map(json.loads, out.splitlines())
    assert status == 0
    assert set(easy) == {"score", "task"}
    assert easy["score"] < hard["score"]
    status, _, err = await shunt("score", cwd=tmp_path, stdin=lines + "nonsense\n")
    assert status == 1
    assert "3" in err


async def test_ask_answers_and_usage_remembers(tmp_path: Path):
    """`shunt ask` prints an answer with its decision, and `shunt usage` counts it."""
    small = write_tiny_gguf(tmp_path / "tiny.gguf")
    status, out, _ = await shunt("ask", "Hello!", cwd=tmp_path, SHUNT_SMALL=str(small))
    assert status == 0
    assert "large_unavailable" in out
    _, out, _ = await shunt("usage", "--json", cwd=tmp_path)
    assert json.loads(out)["total"]["requests"] == 1
