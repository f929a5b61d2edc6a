"""The log: one line for each request, and what else an operator has to know."""

import logging
import sys
from typing import TextIO

from router.errors import RouterError
from router.ledger.record import UsageRecord
from router.telemetry.levels import ROOMS, Levels
from router.telemetry.lines import OURS, JsonLine, TextLine
from router.telemetry.outlet import Outlet

USUAL = Levels()

requests = logging.getLogger(f"{OURS}.request")


def configure(levels: Levels = USUAL, *, as_json: bool | None = None, stream: TextIO | None = None) -> Outlet:
    """Send our lines from their room's level on to `stream` (standard error): text on a terminal, JSON elsewhere.

    Libraries are heard from WARNING on, whatever `levels` say: some of them write prompts at DEBUG.
    """
    stream = stream or sys.stderr
    close()
    if as_json is None:
        as_json = not stream.isatty()
    outlet = Outlet(stream, JsonLine() if as_json else TextLine())
    root = logging.getLogger()
    root.addHandler(outlet)
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(levels.usual)
    for name in ROOMS:
        logging.getLogger(f"{OURS}.{name}").setLevel(levels.rooms.get(name, logging.NOTSET))
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return outlet


def close() -> None:
    """Write what is queued and stop; does nothing when `configure` was not called."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Outlet)]:
        root.removeHandler(handler)
        handler.close()


def answered(usage: UsageRecord) -> None:
    """The line of an accepted request, however it ended."""
    requests.info("answered", extra={"usage": usage})


def refused(error: RouterError, request_id: str) -> None:
    """The line of a request that was refused before it was accepted."""
    requests.info("refused", extra={"refused": error, "request_id": request_id})
