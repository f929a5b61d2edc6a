"""A process that does not answer: stopped, or only kept from running."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from router.engine.vitals import is_held_up

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="needs /proc, which is not on this machine"
)

BUSY = "print(flush=True)\nwhile True: pass"
IDLE = "import sys, time; print(flush=True); sys.stdin.read()"


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """An interpreter that has begun to run `code`."""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_process_that_has_work_is_held_up():
    """Whoever would run if a processor were free is alive."""
    with running(BUSY) as process:
        assert is_held_up(process.pid)


def test_a_stopped_process_is_not():
    """SIGSTOP is no load."""
    with running(BUSY) as process:
        process.send_signal(signal.SIGSTOP)
        while "T" not in (Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][:1]):
            pass
        assert not is_held_up(process.pid)


def test_a_process_that_waits_is_not():
    """Nothing keeps it from answering but itself."""
    with running(IDLE) as process:
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][:1] != "S":
            pass
        assert not is_held_up(process.pid)


def test_a_process_that_is_gone_is_not():
    """Its number tells nothing."""
    with running(IDLE) as process:
        pass
    assert not is_held_up(process.pid)
