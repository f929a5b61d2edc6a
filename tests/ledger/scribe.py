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


def main() -> None:
    """Write until killed; one `MARK` on standard output for each record, in order."""
    state_dir, name = Path(sys.argv[1]), sys.argv[2]
    # Small files, so that kills fall into rotation too.
    journal = Journal(state_dir / JOURNAL_FOLDER, max_file_bytes=4096)
    journal.open()
    for number in itertools.count():
        if journal.append(record(f"{name}-{number}")):
            os.write(1, MARK)


if __name__ == "__main__":
    main()
