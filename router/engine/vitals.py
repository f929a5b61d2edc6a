"""Whether a process that does not answer stands still, or is only kept from running by others."""

from pathlib import Path

# Of the states in proc(5): running or waiting for a processor, and waiting for a disk.
_HELD_UP = frozenset("RD")


def is_held_up(pid: int) -> bool:
    """Whether one of its threads would go on if the machine let it; False where /proc does not tell.

    A stopped process (T) and one whose threads wait for each other (S) would not.
    """
    try:
        return any(_state(task) in _HELD_UP for task in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return False


def _state(task: Path) -> str:
    try:
        # The name before it is in parentheses, and may hold some itself.
        return (task / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2][:1]
    except OSError:
        return ""
