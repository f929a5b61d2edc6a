"""Processes are measured from the outside as the system itself counts them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.process import cpu_seconds, has_mapped, rss_mb

BUSY = (
    "import sys,time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\nsys.stdin.read()"
)


def test_cpu_time_is_that_of_the_process():
    """What is read from the outside is what the process reads of itself."""
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = float(process.stdout.readline())
        found = cpu_seconds(process.pid)
        process.communicate("")
    assert said <= found < said + 0.1


def test_cpu_time_agrees_with_proc_stat():
    """The CPU clock of a process is utime + stime of /proc/PID/stat, only finer."""
    before = time.process_time()
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    assert before - 0.05 < ticks < cpu_seconds(os.getpid()) + 0.05


def test_children_are_not_counted():
    """The CPU time of a child that has ended stays its own."""
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert cpu_seconds(os.getpid()) - before < 0.2


def test_memory_is_in_megabytes():
    """An interpreter with pytest in it holds tens of megabytes, not kilobytes or gigabytes."""
    assert 10 < rss_mb(os.getpid()) < 2000


def test_a_process_that_has_ended_is_an_error():
    """There is no figure for a process that is not there."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(OSError, match=r".*"):
        cpu_seconds(process.pid)
    with pytest.raises(OSError, match=r".*"):
        rss_mb(process.pid)


def test_loaded_libraries_are_found():
    """A native library that is in use is seen by a part of its path."""
    assert (True, False) == (has_mapped(os.getpid(), "libc"), has_mapped(os.getpid(), "/no-such-library/"))
