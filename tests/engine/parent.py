"""A parent for the test that kills it: starts a child for the model named on the command line and says its pid."""

import asyncio
import sys
from pathlib import Path

from router.engine.supervisor import Supervisor
from tests.engine.nursery import plan_of


async def main() -> None:
    """Wait for ever once the child is ready."""
    supervisor = Supervisor("orphan", plan_of(Path(sys.argv[1])))
    supervisor.start()
    await supervisor.until("ready")
    assert supervisor.hello is not None
    sys.stdout.write(f"{supervisor.hello.pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
