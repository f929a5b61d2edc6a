"""SIGKILL at random moments, with a real process and a real disk."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from router.ledger.drain import journal_sizes
from tests.ledger.books import drained, stored_ids
from tests.ledger.scribe import MARK

ROOT = Path(__file__).resolve().parents[2]
KILLS = 100


def announced_before_a_kill(state_dir: Path, name: str, after: int) -> int:
    """How many records a writer announced that was killed once at least `after` of them were seen."""
    command = [sys.executable, "-m", "tests.ledger.scribe", str(state_dir), name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        seen = len(writer.stdout.read(after * len(MARK)))
        writer.kill()
        return (seen + len(writer.stdout.read())) // len(MARK)


def test_a_hundred_kills_lose_and_double_nothing(tmp_path: Path):
    """Every record announced before a SIGKILL is in the store afterwards exactly once, whoever drains and when."""
    announced: set[str] = set()
    command = [sys.executable, "-m", "tests.ledger.killer", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killer:
        for kill in range(KILLS):
            killer.stdin.write("next\n")
            killer.stdin.flush()
            name, count = killer.stdout.readline().split()
            announced |= {f"{name}-{number}" for number in range(int(count))}
            if kill % 9 == 0:
                drained(tmp_path)
        killer.stdin.close()
    drained(tmp_path)
    found = Counter(stored_ids(tmp_path))
    assert announced - found.keys() == set()
    assert max(found.values()) == 1
    assert list(journal_sizes(tmp_path)) == []


def test_a_kill_while_draining_loses_and_doubles_nothing(tmp_path: Path):
    """A drainer that dies in the middle leaves the rest to the next one, and no record twice."""
    announced = {f"d-{n}" for n in range(announced_before_a_kill(tmp_path, "d", 4000))}
    code = (
        "import sys; from pathlib import Path; from tests.ledger.books import *;"
        "import router.ledger.store as s; real = s.Store.add;"
        "s.Store.add = lambda *a: (real(*a), sys.stdout.write('.'), sys.stdout.flush());"
        "drained(Path(sys.argv[1]))"
    )
    for stored_files in (1, 3, 5):
        command = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as drainer:
            drainer.stdout.read(stored_files)
            drainer.kill()
    drained(tmp_path)
    found = Counter(stored_ids(tmp_path))
    assert announced - found.keys() == set()
    assert max(found.values()) == 1


def test_two_processes_share_a_folder(tmp_path: Path):
    """A server that is writing and a command that drains at the same time agree on every record."""
    command = [sys.executable, "-m", "tests.ledger.scribe", str(tmp_path), "live"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        seen = 0
        for _ in range(20):
            seen += len(writer.stdout.read(100 * len(MARK)))
            drained(tmp_path)
        writer.kill()
        seen += len(writer.stdout.read())
    drained(tmp_path)
    found = Counter(stored_ids(tmp_path))
    assert {f"live-{number}" for number in range(seen // len(MARK))} - found.keys() == set()
    assert max(found.values()) == 1
