"""A process that begins as a server does, with nothing of SQLAlchemy loaded: `python -m tests.ledger.beginner STATE_DIR`.

It prints whether one thread began to load what stands on SQLAlchemy while another one was at it: the first waits for that.
"""

import asyncio
import sys
import threading
from pathlib import Path

from router.carrying import Carrying
from router.config import Config
from router.ledger.ledger import Ledger
from router.limits.quotas import Quotas

ENTRANCES = {"router.ledger.drainer", "router.ledger.spending"}
OTHER_S = 1.0
"""One that comes later makes the test pass where it should not, never the other way."""


class Lookout:
    """Hears of every import before it begins."""

    def __init__(self) -> None:
        self.came = 0
        self.met = False
        self.other = threading.Event()

    def __call__(self, kind: str, details: tuple[object, ...]) -> None:
        """Hold the first that comes until the other one does."""
        if kind == "import" and details[0] in ENTRANCES:
            self.came += 1
            if self.came == 1:
                self.met = self.other.wait(OTHER_S)
            self.other.set()


async def main() -> None:
    """Begin and end."""
    lookout = Lookout()
    sys.addaudithook(lookout)
    config = Config(path=None, models={}, tiers=(), policies={}, default_policy="auto", state_dir=Path(sys.argv[1]))
    ledger, carrying = Ledger(config), Carrying(config, Quotas(()))
    ledger.start()
    await carrying.start(wait=True)
    await carrying.close()
    ledger.close()
    sys.stdout.write(f"{lookout.came} {lookout.met}\n")


if __name__ == "__main__":
    asyncio.run(main())
