"""A process that journals records until it is killed, and announces each one after it is written.

Run as `python -m tests.ledger.scribe STATE_DIR NAME`.
"""

import itertools
import os
import sys
from pathlib import Path

from router.ledger.journal import JOURNAL_FOLDER, Journal
from tests.ledger.examples import record

# Large, so that the pipe is full after a few hundred and the writer cannot run far ahead of its reader; below the size
# up to which a pipe takes a write as a whole.
MARK = b"." * 255 + b"\n"


def write(state_dir: Path, name: str, out: int) -> None:
    """Write until killed; one `MARK` into `out` for each record, in order."""
    # Small files, so that kills fall into rotation too.
    journal = Journal(state_dir / JOURNAL_FOLDER, max_file_bytes=32_768)
    journal.open()
    for number in itertools.count():
        if journal.append(record(f"{name}-{number}")):
            os.write(out, MARK)


def main() -> None:
    """Write for as long as it lives."""
    write(Path(sys.argv[1]), sys.argv[2], 1)


if __name__ == "__main__":
    main()
