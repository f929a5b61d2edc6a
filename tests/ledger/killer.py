"""A process that forks writers and kills each at a random moment: `python -m tests.ledger.killer STATE_DIR`.

For each line that it reads it kills one more writer and answers with its name and how many records that had announced.
"""

import os
import random
import signal
import sys
from pathlib import Path

from tests.ledger.scribe import MARK, write


def killed(state_dir: Path, name: str, after: int) -> int:
    """How many records a writer announced that was killed once at least `after` of them were seen."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        write(state_dir, name, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as marks:
        seen = len(marks.read(after * len(MARK)))
        os.kill(child, signal.SIGKILL)
        seen += len(marks.read())
    os.waitpid(child, 0)
    return seen // len(MARK)


def main() -> None:
    """Kill until there is nothing more to read."""
    pick = random.Random(7)
    for number, _line in enumerate(sys.stdin):
        count = killed(Path(sys.argv[1]), f"k{number}", pick.randint(0, 200))
        sys.stdout.write(f"k{number} {count}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
