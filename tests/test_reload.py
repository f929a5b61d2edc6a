"""Hot reload: one policy for each request, nothing lost, nothing left behind, and a bad file changes nothing."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner

from router.cli import app
from router.control import Applied, apply_everywhere, listening
from router.errors import ConfigError
from tests.e2e.samples import metric
from tests.fakes import faults
from tests.fakes.large import LargeServer
from tests.fakes.served import served, until
from tests.fakes.shunt import ShuntServer

RELOADS = 100
POLICY = """
version: 1
models:
  even: {{backend: openai, base_url: "{url}", model: m{even}}}
  odd: {{backend: openai, base_url: "{url}", model: m{odd}}}
tiers: [even, odd]
policies:
  auto: {{select: [{{id: rule-{number}, target: {target}}}], on_failure: [even, odd]}}
tests:
  - {{prompt: hi, expect: {{target: {target}}}}}
state_dir: {folder}/state
"""
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello there"}]}


def write(path: Path, url: str, number: int) -> None:
    """Put the next version in the old one's place; one of its two models is new each time."""
    target = "odd" if number % 2 else "even"
    text = POLICY.format(
        url=url, even=number // 2, odd=(number + 1) // 2, number=number, target=target, folder=path.parent
    )
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> str:
    return "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))


async def test_row_45_a_hundred_reloads_under_load(tmp_path: Path):
    """Each request sees exactly one policy, none fails, and tasks, children and descriptors are as before."""
    path = tmp_path / "shunt.yaml"
    answers: list[tuple[int, str, str]] = []

    async with LargeServer() as large:
        write(path, large.base_url, 0)
        async with served(path) as (url, generations), aiohttp.ClientSession(url) as http:
            is_over = asyncio.Event()

            async def load(stream: bool) -> None:
                while not is_over.is_set():
                    async with http.post("/v1/chat/completions", json=HELLO | {"stream": stream}) as answer:
                        await answer.read()
                        answers.append((answer.status, answer.headers["x-shunt-rule"], answer.headers["x-shunt-model"]))

            async def reload(number: int) -> None:
                before = generations.current
                write(path, large.base_url, number)
                await until(lambda: generations.current is not before)
                rule = generations.current.config.policies["auto"].select[0].id
                assert rule == f"rule-{number}"

            async def settled() -> bool:
                return not generations._retiring

            await reload(1)
            await until(settled)
            tasks, open_files, processes = len(asyncio.all_tasks()), descriptors(), children()
            clients = [asyncio.create_task(load(stream)) for stream in (False, True, False, True)]
            for number in range(2, RELOADS + 2):
                await reload(number)
            is_over.set()
            await asyncio.gather(*clients)
            await until(settled)
            text, _ = generations.current.metrics.render("")
            assert RELOADS + 1 == metric(text.decode(), "shunt_policy_reloads_total", outcome="ok")
            # Connections by design: four of the clients and four to each of two targets, with both ends in this process.
            assert descriptors() - open_files <= 24
            # At first the ledger may still be read for the budgets.
            assert len(asyncio.all_tasks()) - _connection_tasks() <= tasks
            assert processes == children()
    assert {200} == {status for status, _, _ in answers}
    assert len({rule for _, rule, _ in answers}) > RELOADS / 4
    for _, rule, model in answers:
        assert model == ("odd" if int(rule.removeprefix("rule-")) % 2 else "even")


def _connection_tasks() -> int:
    """Tasks of the scripted server's open connections, which belong to the test."""
    return sum("Connection._requests" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_a_request_keeps_the_policy_it_began_with(tmp_path: Path):
    """A stream that is under way when its target is taken out of the file runs to its end."""
    path, release = tmp_path / "shunt.yaml", asyncio.Event()
    async with LargeServer() as large:
        large.script.append(faults.hold(release, after=2))
        write(path, large.base_url, 0)
        async with served(path) as (url, generations), aiohttp.ClientSession(url) as http:
            before = generations.current
            async with http.post("/v1/chat/completions", json=HELLO | {"stream": True}) as answer:
                first = await answer.content.readany()
                write(path, large.base_url, 3)
                await until(lambda: generations.current is not before)
                release.set()
                body = first + await answer.read()
            assert ("rule-0", "even") == (answer.headers["x-shunt-rule"], answer.headers["x-shunt-model"])
            assert body.endswith(b"data: [DONE]\n\n")
            assert b"error" not in body
            await until(lambda: before.targets["even"].state().status == "down")


async def test_row_44_a_bad_file_changes_nothing(tmp_path: Path):
    """A typo and a failing test keep the old policy, and are told on /readyz, in the log and as a metric; SIGHUP too."""
    async with LargeServer() as large:
        write(tmp_path / "first.yaml", large.base_url, 0)
        text = (tmp_path / "first.yaml").read_text().replace(f"state_dir: {tmp_path}/state\n", "")
        async with ShuntServer(tmp_path, text) as shunt, aiohttp.ClientSession(shunt.root_url) as http:

            async def told() -> dict:
                async with http.get("/readyz") as answer:
                    assert 200 == answer.status
                    return (await answer.json())["policy"]

            async def rule() -> str:
                async with http.post("/v1/chat/completions", json=HELLO) as answer:
                    assert 200 == answer.status
                    return answer.headers["x-shunt-rule"]

            async def is_rejected(word: str) -> bool:
                return any(word in problem for problem in (await told())["rejected"])

            good = shunt.config.read_text()
            loaded_at = (await told())["loaded_at"]
            shunt.config.write_text(good.replace("tiers:", "teirs:"))
            await until(lambda: is_rejected("teirs"))
            shunt.config.write_text(good.replace("expect: {target: even}", "expect: {target: odd}"))
            await until(lambda: is_rejected("expected odd, got even"))
            assert ("rule-0", loaded_at) == (await rule(), (await told())["loaded_at"])
            await shunt.logged("the old one goes on")
            shunt.config.write_text(good.replace("rule-0", "rule-2"))

            async def is_second() -> bool:
                return await rule() == "rule-2"

            await until(is_second)
            assert [] == (await told())["rejected"]
            loaded_at = (await told())["loaded_at"]
            shunt.process.send_signal(signal.SIGHUP)

            async def is_loaded_again() -> bool:
                return (await told())["loaded_at"] > loaded_at

            await until(is_loaded_again)
            async with http.get("/metrics") as answer:
                text = await answer.text()
            assert 2 <= metric(text, "shunt_policy_reloads_total", outcome="rejected")
            assert 2 <= metric(text, "shunt_policy_reloads_total", outcome="ok")
            assert loaded_at < metric(text, "shunt_policy_loaded_timestamp_seconds")


async def test_apply_is_answered_by_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A good file is taken at once, a bad one is named with its line, and what waits for a restart is said."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = tmp_path / "shunt.yaml"
    write(path, "http://127.0.0.1:9/v1", 0)
    good = path.read_text()
    async with served(path) as (url, generations), aiohttp.ClientSession(url) as http:
        await until(lambda: any(tmp_path.glob("shunt/*.sock")))
        path.write_text(good.replace("rule-0", "rule-5") + "memory_budget_mib: 99\nserver: {max_inflight: 7}\n")
        (answer,) = await asyncio.to_thread(apply_everywhere, path)
        assert ((), "rule-5") == (answer.problems, generations.current.config.policies["auto"].select[0].id)
        assert ["memory_budget_mib", "server: max_inflight"] == sorted(
            kept.split(" is read")[0] for kept in answer.kept
        )
        path.write_text(good.replace("tiers:", "teirs:"))
        (answer,) = await asyncio.to_thread(apply_everywhere, path)
        assert any("teirs" in problem and "shunt.yaml:" in problem for problem in answer.problems)
        async with http.get("/readyz") as ready:
            told = (await ready.json())["policy"]
        assert list(answer.problems) == told["rejected"]
        assert 2 == len(told["kept"])
    with pytest.raises(ConfigError, match="no server of"):
        apply_everywhere(path)


async def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where others could open the socket there is none, and the server serves without it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "shunt").mkdir()
    (tmp_path / "shunt").chmod(0o755)

    async def apply() -> Applied:
        raise AssertionError

    async with listening(tmp_path / "shunt.yaml", apply):
        assert [] == list((tmp_path / "shunt").iterdir())


def test_apply_from_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each process with what it said; exit status 1 when one refused."""
    path = tmp_path / "shunt.yaml"
    path.touch()
    answers = [Applied(1, (), ("w",), ("k",)), Applied(2, ("p",))]
    monkeypatch.setattr("router.control.apply_everywhere", lambda _path: answers)
    done = CliRunner().invoke(app, ["policy", "apply", "--config", str(path)], catch_exceptions=False)
    lines = ["process 1 took it", "  w", "  k", "process 2 refused it, the old policy goes on", "  p"]
    assert (1, lines) == (done.exit_code, done.stdout.splitlines())
