"""Real children and real signals: what dies ends only its own streams, is noticed, and comes back."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from router.engine import process, wire
from router.engine.client import Stream
from router.engine.heart import Heartbeat
from router.engine.supervisor import Plan, Rhythm, Supervisor
from router.errors import StreamInterrupted, UpstreamUnavailable
from tests.engine.nursery import LOAD_S, Pauses, brief, endless, plan_of, ready, supervised
from tests.fakes.gguf_model import write_tiny_gguf

SOON = Rhythm(first_pause_s=0.01, poll_file_s=0.02)


async def _tokens(stream: Stream) -> int:
    """Read to the end; the number of tokens that were written."""
    while True:
        for event in await stream.batch():
            if isinstance(event, wire.Used):
                return event.completion_tokens


def _pid(supervisor: Supervisor) -> int:
    assert supervisor.hello is not None
    return supervisor.hello.pid


async def test_child_gets_ready_and_answers(tiny: Path) -> None:
    """A child of its own loads the model and answers; closing ends it."""
    async with supervised(plan_of(tiny)) as supervisor:
        await ready(supervisor)
        pid = _pid(supervisor)
        client = supervisor.client
        assert client is not None
        assert pid != os.getpid()
        assert await _tokens(client.submit(brief(client.next_id()))) == 32
    assert not psutil.pid_exists(pid)
    assert (supervisor.status, supervisor.reason) == ("down", "closed")


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV])
async def test_death_ends_the_streams_and_another_child_starts(tiny: Path, death: signal.Signals) -> None:
    """A stream that has begun is interrupted, one that has not is unavailable, and the next child answers again."""
    async with supervised(plan_of(tiny, parallel=1), rhythm=SOON) as supervisor:
        await ready(supervisor)
        client, pid = supervisor.client, _pid(supervisor)
        assert client is not None
        begun = client.submit(endless(client.next_id()))
        await begun.batch()
        waiting = client.submit(endless(client.next_id()))
        os.kill(pid, death)
        with pytest.raises(StreamInterrupted):
            await _tokens(begun)
        with pytest.raises(UpstreamUnavailable):
            await _tokens(waiting)
        async with asyncio.timeout(LOAD_S):
            await supervisor.until("down")
        assert supervisor.client is None
        assert death.name in (supervisor.reason or "")
        await ready(supervisor)
        assert supervisor.restarts == 1
        assert _pid(supervisor) != pid
        client = supervisor.client
        assert client is not None
        assert await _tokens(client.submit(brief(client.next_id()))) == 32


async def test_hung_child_is_noticed_within_5_seconds(tiny: Path) -> None:
    """A stopped child is given up and killed in time, and its streams end; how late at most, its heartbeat's test says."""
    rhythm = replace(SOON, heartbeat=Heartbeat(every_s=0.1, patience_s=0.5))
    async with supervised(plan_of(tiny), rhythm=rhythm) as supervisor:
        await ready(supervisor)
        client, pid = supervisor.client, _pid(supervisor)
        assert client is not None
        stream = client.submit(endless(client.next_id()))
        await stream.batch()
        os.kill(pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        stopped = loop.time()
        with pytest.raises(StreamInterrupted):
            await _tokens(stream)
        assert loop.time() - stopped < 5
        async with asyncio.timeout(LOAD_S):
            await supervisor.until("down")
        assert supervisor.reason == "The local engine stopped: it did not answer for 0.75 s."
        assert not psutil.pid_exists(pid)
        await ready(supervisor)
        assert supervisor.restarts == 1


async def test_busy_parent_does_not_mistake_its_own_pause_for_silence(tiny: Path) -> None:
    """A parent that was blocked longer than its patience still finds the child's answer, and keeps the child."""
    beat = Heartbeat(every_s=0.01, patience_s=0.2)
    async with supervised(plan_of(tiny), rhythm=Rhythm(heartbeat=beat)) as supervisor:
        await ready(supervisor)
        pid = _pid(supervisor)
        for _ in range(5):
            time.sleep(0.5)  # noqa: ASYNC251 - blocking the loop is the point: an import or a slow disk does the same
            await asyncio.sleep(0)
            supervisor.pong = None
            while supervisor.pong is None:
                await asyncio.sleep(0.01)
        assert (supervisor.restarts, _pid(supervisor)) == (0, pid)


async def test_pause_doubles_with_each_death(tiny: Path) -> None:
    """The pause before a restart doubles up to its limit, so that a child that cannot live costs little."""
    pauses = Pauses()
    rhythm = Rhythm(first_pause_s=1, longest_pause_s=4)
    async with supervised(plan_of(tiny), rhythm=rhythm, pauses=pauses) as supervisor:
        for _ in range(4):
            await ready(supervisor)
            os.kill(_pid(supervisor), signal.SIGKILL)
            await pauses.begun()
            assert supervisor.status == "down"
            pauses.end()
        assert pauses.asked == [1, 2, 4, 4]
        assert supervisor.restarts == 4


async def test_bad_file_is_final_until_it_changes(tmp_path: Path) -> None:
    """A truncated file is refused without a restart loop, and served as soon as it has been replaced."""
    good = write_tiny_gguf(tmp_path / "good.gguf", context=8192)
    model = tmp_path / "model.gguf"
    model.write_bytes(good.read_bytes()[:1000])
    pauses = Pauses()
    async with supervised(plan_of(model), pauses=pauses) as supervisor:
        for _ in range(3):
            await pauses.begun()
            assert supervisor.status == "down"
            assert "model.gguf: it is truncated" in (supervisor.reason or "")
            pauses.end()
        await pauses.begun()
        good.replace(model)
        pauses.end()
        await ready(supervisor)
        assert (supervisor.restarts, supervisor.reason) == (0, None)


async def test_model_that_the_child_refuses_is_final_too(tmp_path: Path) -> None:
    """What only llama.cpp can see is refused by the child: no restart, and its reason is shown."""
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF, or so it says")
    pauses = Pauses()
    async with supervised(plan_of(model, check=False), pauses=pauses) as supervisor:
        await pauses.begun()
        assert (supervisor.status, supervisor.restarts) == ("down", 0)
        assert "model.gguf" in (supervisor.reason or "")
        assert pauses.asked == [Rhythm().poll_file_s]


async def test_file_that_crashes_every_child_is_given_up(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last crash in a row while loading, nothing is started until the file changes."""
    monkeypatch.setattr(process, "CHILD_MODULE", "tests.engine.crashing_child")
    pauses = Pauses()
    async with supervised(plan_of(tiny), rhythm=Rhythm(crashes=3), pauses=pauses) as supervisor:
        for _ in range(2):
            await pauses.begun()
            assert supervisor.reason == "The local engine did not start: it was killed by SIGSEGV."
            pauses.end()
        await pauses.begun()
        assert "That happened 3 times" in (supervisor.reason or "")
        assert pauses.asked == [0.2, 0.4, Rhythm().poll_file_s]


async def test_child_that_never_loads_is_given_up(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that says nothing within the time for loading is killed."""
    monkeypatch.setattr(process, "CHILD_MODULE", "tests.engine.silent_child")
    pauses = Pauses()
    async with supervised(plan_of(tiny), rhythm=Rhythm(load_s=1.0), pauses=pauses) as supervisor:
        await pauses.begun()
        assert supervisor.reason == "The local engine did not start: it did not load within 1 s."
    assert [child.name() for child in psutil.Process().children() if "silent_child" in child.cmdline()] == []


async def test_closing_while_loading_leaves_no_child(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever closes before the model is loaded leaves no process behind."""
    monkeypatch.setattr(process, "CHILD_MODULE", "tests.engine.silent_child")
    async with supervised(plan_of(tiny)) as supervisor:
        while not [child for child in psutil.Process().children() if "tests.engine.silent_child" in child.cmdline()]:
            await asyncio.sleep(0.01)
    assert supervisor.status == "down"
    assert [child for child in psutil.Process().children() if "tests.engine.silent_child" in child.cmdline()] == []


async def test_child_does_not_outlive_a_killed_parent(tiny: Path) -> None:
    """After kill -9 of the parent its child ends by itself."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.engine.parent", str(tiny), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(LOAD_S):
        pid = int(await parent.stdout.readline())
        child = psutil.Process(pid)
        parent.kill()
        await parent.wait()
        await asyncio.to_thread(child.wait, 10)


async def test_child_sees_no_secret(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in our environment are not in the child's."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    async with supervised(plan_of(tiny)) as supervisor:
        await ready(supervisor)
        environment = psutil.Process(_pid(supervisor)).environ()
        assert "sk-canary" not in environment.values()
        assert environment["OMP_NUM_THREADS"] == "1"


async def test_socket_is_gone_once_the_child_is_connected(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can connect later: the socket's folder lives only while a child starts."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with supervised(plan_of(tiny)) as supervisor:
        await ready(supervisor)
        assert [*os.scandir(tmp_path)] == []


async def test_signals_for_the_group_leave_the_child_serving(tiny: Path) -> None:
    """SIGTERM and SIGINT are for the parent, which drains: the child goes on until the parent hangs up."""
    async with supervised(plan_of(tiny)) as supervisor:
        await ready(supervisor)
        client = supervisor.client
        assert client is not None
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            os.kill(_pid(supervisor), signal_)
            assert await _tokens(client.submit(brief(client.next_id()))) == 32


async def test_defect_of_ours_does_not_look_like_loading(caplog: pytest.LogCaptureFixture) -> None:
    """When supervision itself breaks, the model is down and the log says so."""

    async def broken() -> Plan:
        raise ZeroDivisionError

    supervisor = Supervisor("test", broken)
    supervisor.start()
    await supervisor.until("down")
    assert supervisor.reason == "internal error"
    assert "supervision ended" in caplog.text
    await supervisor.close()
