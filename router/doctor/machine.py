"""The machine: processor, memory, disk."""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from router.doctor.finding import Finding
from router.engine.memory import available_bytes

CPUINFO = Path("/proc/cpuinfo")
LITTLE_MEMORY, LITTLE_DISK = 1 << 30, 1 << 30
# llama.cpp's kernels for quantized weights, from slow to fast.
VECTORS = {"avx": "AVX", "avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "AVX-512 VNNI", "amx_int8": "AMX"}


def findings(state_dir: Path) -> Iterator[Finding]:
    """Processor, memory, and the disk under the ledger."""
    yield _processor()
    yield _memory()
    yield _disk(state_dir)


def _processor() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    flags = _flags()
    known = [name for flag, name in VECTORS.items() if flag in flags]
    words = ", ".join([f"{cores} cores", platform.machine(), *known])
    if "avx" in flags and "avx512f" not in flags:
        words += ", no AVX-512"
    if flags and "avx2" not in flags:
        return Finding("note", "processor", words, "Without AVX2 a local model is several times slower.")
    if cores == 1:
        return Finding("note", "processor", words, "With one core a local model and the router wait for each other.")
    return Finding("ok", "processor", words)


def _flags() -> frozenset[str]:
    """What the processor says of itself; nothing where Linux is not asked."""
    with suppress(OSError):
        for line in CPUINFO.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("flags"):
                return frozenset(line.partition(":")[2].split())
    return frozenset()


def _memory() -> Finding:
    free = available_bytes()
    if free is None:
        return Finding("note", "memory", "nobody knows how much is free")
    words = f"{free / 2**30:.1f} GiB free"
    if free < LITTLE_MEMORY:
        return Finding("note", "memory", words, "Enough for the smallest models only; stop what takes the rest.")
    return Finding("ok", "memory", words)


def _disk(state_dir: Path) -> Finding:
    place = next(path for path in (state_dir, *state_dir.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK):
        cure = "Make it writable, or set `state_dir` in the policy file: without it nothing is accounted for."
        return Finding("bad", "ledger", f"{state_dir} cannot be written", cure)
    free = shutil.disk_usage(place).free
    words = f"{state_dir}, {free / 2**30:.1f} GiB free"
    if free < LITTLE_DISK:
        return Finding("note", "ledger", words, "The journal grows by about 1 KB for each request: make room.")
    return Finding("ok", "ledger", words)
