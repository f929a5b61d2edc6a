"""Telling a person how far a download is: a bar in a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

Report: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and, where it is known, the bytes there will be."""

LINE_PERCENT = 10
LINE_BYTES = 256 << 20  # between two lines where the total is not known


def silent(_done: int, _total: int | None) -> None:
    """Report to nobody."""


# One for the whole process: bars of several models share the terminal instead of writing over each other.
messages = Console(stderr=True)


@contextmanager
def shown(name: str, console: Console = messages) -> Iterator[Report]:
    """A report that `console` shows under `name`."""
    if not console.is_terminal:
        yield _Lines(name, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    # Standard output may be a file while the bar is in a terminal: what is printed there stays there.
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Lines:
    """One plain line for each step."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._step = -1

    def __call__(self, done: int, total: int | None) -> None:
        step = done * 100 // total // LINE_PERCENT if total else done // LINE_BYTES
        if step == self._step:
            return
        self._step = step
        share = f" of {decimal(total)} ({step * LINE_PERCENT} %)" if total else ""
        self._console.print(f"{self._name}: {decimal(done)}{share}", highlight=False, markup=False, soft_wrap=True)
