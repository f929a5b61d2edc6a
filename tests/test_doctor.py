"""`shunt doctor`: each thing that keeps a router from serving is found, with what to do about it."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from router.config import Config
from router.doctor import address, machine, rules, stores
from router.doctor.finding import Finding
from router.policy.loading import load
from tests.fakes import faults
from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import LargeServer

ROOT = Path(__file__).resolve().parents[1]
POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", context: 256, threads: 1}}
  large: {{backend: openai, base_url: "{large}", model: l, api_key: env:LARGE_KEY}}
tiers: [small, large]
policies: {{auto: {{select: [{{id: learned, score: complexity, threshold: 0.5}}]}}}}
server: {{host: "{host}", port: {port}}}
state_dir: "{folder}/state"
cache_dir: "{folder}/cache"
"""
NOWHERE = "http://127.0.0.1:9/v1"


async def doctor(folder: Path, *options: str, **policy: object) -> tuple[int, str]:
    """Its exit status and what it says."""
    values = {"small": folder / "tiny.gguf", "large": NOWHERE, "host": "127.0.0.1", "port": 0, "folder": folder}
    path = folder / "shunt.yaml"
    path.write_text(POLICY.format(**(values | policy)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router", "doctor", "--config", str(path), *options,
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=os.environ | {"LARGE_KEY": "sk-canary", "NO_COLOR": "1"},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert b"sk-canary" not in out
    return process.returncode, out.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    return tmp_path


async def test_all_is_well_when_both_sides_say_a_word(folder: Path):
    """With a sound file and a server that answers, every line is ok and the status is 0."""
    async with LargeServer() as large:
        status, said = await doctor(folder, large=large.base_url)
    assert (status, "BAD" in said, said.count("said a token after")) == (0, False, 2)
    assert "Nothing keeps it from serving" in said


async def test_a_dead_endpoint_and_a_refused_key_are_told_apart(folder: Path):
    """One says to see whether it runs, the other names the variable of the key."""
    status, said = await doctor(folder)
    assert (status, "Nothing answers at http://127.0.0.1:9/v1" in said) == (1, True)
    async with LargeServer() as large:
        large.script.append(faults.status(401))
        status, said = await doctor(folder, large=large.base_url)
    assert (status, "check LARGE_KEY" in said) == (1, True)


async def test_a_broken_file_is_found_without_loading_it(folder: Path):
    """`--offline` asks nobody, and still knows that the file is no model."""
    (folder / "tiny.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    status, said = await doctor(folder, "--offline")
    assert (status, "BAD   small" in said, "said a token" in said, "1 to mend" in said) == (1, True, False, True)


async def test_a_taken_port_and_an_open_address_are_found(folder: Path):
    """Another program on the port, and an address that strangers reach without a key, keep the router from starting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, said = await doctor(folder, "--offline", port=taken.getsockname()[1])
    assert (status, "BAD   port" in said) == (1, True)
    status, said = await doctor(folder, "--offline", host="0.0.0.0")
    assert (status, "BAD   keys" in said, "shunt keys create" in said) == (1, True, True)


async def test_a_policy_that_does_not_load_is_one_finding(folder: Path):
    """The file's own problems are shown, and nothing is looked at that depends on them."""
    status, said = await doctor(folder, host="0.0.0.0", port="x")
    assert (status, "BAD   policy" in said, "port" in said.partition("BAD")[2]) == (1, True, True)
    assert "processor" not in said


@pytest.mark.parametrize(
    ("flags", "level", "words"),
    [
        ("fpu avx avx2 avx512f avx512_vnni", "ok", "AVX, AVX2, AVX-512, AVX-512 VNNI"),
        ("fpu avx", "note", "AVX, no AVX-512"),
        ("fpu", "note", "cores"),
    ],
)
def test_what_the_processor_can_do_is_told(tmp_path, monkeypatch, flags, level, words):
    """Vector instructions are named; without AVX2 there is a warning."""
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    found = next(machine.findings(tmp_path))
    assert (found.level, words in found.found) == (level, True)


SHARED = """
version: 1
models:
  large: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: l{price}}}
  spare: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: s, price: {{input_usd_per_million: 1, output_usd_per_million: 1}}}}
tiers: [large]
policies: {{auto: {{select: [{{id: all, target: large}}]}}}}
tests: [{{prompt: hello, expect: {{target: {expected}}}}}]
ledger: {{url: env:LEDGER_URL}}
replicas: {{count: 2, redis: env:LIMITS_REDIS}}
state_dir: "{folder}/state"
"""
AWAY = {"LEDGER_URL": "postgresql://me:pw-canary@127.0.0.1:9/db", "LIMITS_REDIS": "redis://:pw-canary@127.0.0.1:9/0"}


def found(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.subject, one.found) for one in findings]


def shared_config(folder: Path, **values: str) -> Config:
    path = folder / "shunt.yaml"
    path.write_text(SHARED.format(**{"price": "", "expected": "large", "folder": folder, **values}))
    return load(path, AWAY)


def test_what_the_file_says_of_itself_is_looked_at(tmp_path: Path):
    """Its warnings, its classifier, its own tests, and models whose price nobody knows."""
    said = found(rules.findings(shared_config(tmp_path)))
    assert [(level, subject) for level, subject, _ in said] == [
        ("note", "policy"), ("ok", "classifier"), ("ok", "tests"), ("note", "large")
    ]  # fmt: skip
    assert "'spare'" in said[0][2]
    price = ", price: {input_usd_per_million: 1, output_usd_per_million: 2}"
    said = found(rules.findings(shared_config(tmp_path, expected="spare", price=price)))
    assert said[1:] == [
        ("ok", "classifier", "the one that ships"),
        ("bad", "tests", "1 of the 1 tests in the file fail"),
    ]
    nowhere = replace(shared_config(tmp_path, price=price), artifact=tmp_path / "nowhere")
    assert [(level, subject) for level, subject, _ in found(rules.findings(nowhere))][1:] == [("bad", "classifier")]


def test_what_servers_share_is_asked_and_its_address_kept(tmp_path: Path):
    """A Redis or a database that is away is told by the name of its variable; the address may hold a password."""
    said = list(stores.findings(shared_config(tmp_path)))
    assert [one.subject for one in said] == ["ledger", "replicas"]
    assert ["bad", "note"] == [one.level for one in said]
    assert "LIMITS_REDIS" in said[1].cure
    assert "pw-canary" not in str(said)


def test_keys_that_cannot_be_read_are_a_finding(tmp_path: Path):
    """The rest is looked at all the same."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "keys.json").write_text("{broken")
    said = found(address.findings(shared_config(tmp_path)))
    assert [(level, subject) for level, subject, _ in said][1:] == [("bad", "keys")]
