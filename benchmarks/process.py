"""What one running process has used, read from the outside; its children are not counted."""

import time
from pathlib import Path

# clock_getcpuclockid(3) in numbers: the CPU clock of all threads of a process, ended ones too, in nanoseconds.
# The same time as utime + stime of /proc/PID/stat, which counts in steps of 10 ms.
_CPUCLOCK_SCHED = 2


def cpu_seconds(pid: int) -> float:
    """User and system CPU time of process `pid` since it began.

    Raises:
        OSError: there is no such process.
    """
    return time.clock_gettime(((~pid) << 3) | _CPUCLOCK_SCHED)


def rss_mb(pid: int) -> float:
    """Resident memory of process `pid` in MB (10^6 bytes).

    Raises:
        OSError: there is no such process.
    """
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(f"process {pid} has ended")


def has_mapped(pid: int, *names: str) -> bool:
    """True when process `pid` has loaded a native library whose path contains one of `names`."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return any(name in maps for name in names)
