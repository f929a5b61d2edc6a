"""The log: one bounded line for each request, and nothing of what was said."""

import asyncio
import gc
import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ConfigError, ModelNotFound, UnknownField
from router.telemetry import log
from router.telemetry.levels import ROOMS, Levels, levels_of
from router.telemetry.lines import MAX_BYTES, JsonLine, TextLine
from router.telemetry.outlet import Outlet
from tests.ledger.examples import RECORD, record

CANARY = "canary-7f3a the prompt of somebody"
Read = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The levels that `configure` sets are those of the whole process."""
    names = ("", "shunt", "uvicorn", *(f"shunt.{room}" for room in ROOMS))
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    log.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(params=[True, False], ids=["json", "text"])
def lines(request: pytest.FixtureRequest) -> Read:
    stream = io.StringIO()
    log.configure(Levels("DEBUG"), as_json=request.param, stream=stream)

    def read() -> list[str]:
        log.close()
        return stream.getvalue().splitlines()

    return read


def test_a_request_is_one_line_with_its_reason(lines: Read):
    """Who answered, by which rule and why, what it took and cost."""
    log.answered(RECORD)
    (line,) = lines()
    for word in ("small", "ok", "200", "auto", "learned", "rule", "req_1", "120", "40"):
        assert word in line


def test_json_holds_the_record():
    """A program finds every field of the record under its own name."""
    stream = io.StringIO()
    outlet = Outlet(stream, JsonLine())
    entry = logging.makeLogRecord({"name": "shunt.request", "levelname": "INFO", "usage": RECORD})
    outlet.handle(entry)
    outlet.close()
    said = json.loads(stream.getvalue())
    assert (said["room"], said["level"], said["target"], said["cost_usd"]) == ("request", "info", "small", 0.0)
    assert (said["prompt_tokens"], said["reason"], said["attempts"]) == (120, "rule", "small:ok")


def test_a_refusal_is_one_line_without_the_clients_words(lines: Read):
    """Status, code and request id; not the name of the model or field that the client made up."""
    log.refused(ModelNotFound(f"The model '{CANARY}' does not exist"), "req_9")
    log.refused(UnknownField("unknown", param=CANARY), "req_10")
    said = lines()
    assert len(said) == 2
    assert "model_not_found" in said[0]
    assert "req_9" in said[0]
    assert "canary" not in "".join(said)


WORDS = st.text(max_size=300)


@given(st.tuples(*(WORDS,) * 6), st.lists(WORDS, max_size=20))
def test_no_line_is_long_or_two(words: tuple[str, ...], attempts: list[str]):
    """Whatever a record holds, its line is one line of at most 1,000 bytes."""
    names = ("request_id", "policy", "rule", "reason", "target", "model")
    usage = record(**dict(zip(names, words, strict=True)), attempts=tuple(attempts))
    entry = logging.makeLogRecord({"name": "shunt.request", "levelno": logging.INFO, "usage": usage})
    for formatter in (JsonLine(), TextLine()):
        line = formatter.format(entry)
        assert len(line.encode()) <= MAX_BYTES
        assert len(line.splitlines()) == 1


@given(WORDS)
def test_no_message_is_long_or_two(text: str):
    """The same holds for any other message; a line break or a colour in it is neutralised."""
    entry = logging.makeLogRecord({"name": "shunt.room", "levelname": "ERROR", "msg": text * 30})
    for formatter in (JsonLine(), TextLine()):
        line = formatter.format(entry)
        assert len(line.encode()) <= MAX_BYTES
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line


def fail() -> None:
    raise ValueError(CANARY)


def test_an_exceptions_text_is_not_logged(lines: Read):
    """Its type and place are."""
    try:
        fail()
    except ValueError:
        logging.getLogger("shunt.room").exception("it failed")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    said = lines()
    assert "canary" not in "".join(said)
    assert [("ValueError at" in line, "test_log.py" in line) for line in said] == [(True, True)] * 2


def test_a_librarys_message_is_not_logged(lines: Read):
    """Neither its text nor its arguments, and below WARNING not even that it spoke."""
    logging.getLogger("other.library").warning("sending %s", CANARY)
    logging.getLogger("some.library").error(CANARY)
    logging.getLogger("some.library").info(CANARY)
    said = lines()
    assert "canary" not in "".join(said)
    assert ["other.library" in said[0], "some.library" in said[1], len(said)] == [True, True, 2]


async def test_a_lost_tasks_exception_is_not_logged(lines: Read):
    """asyncio reports a task whose exception nobody saw, with the exception's text; only the first line is kept."""

    async def lose() -> None:
        fail()

    task = asyncio.create_task(lose())
    await asyncio.wait({task})
    del task
    gc.collect()
    said = lines()
    assert "canary" not in "".join(said)
    assert any("Task exception was never retrieved" in line for line in said)


class Stuck(io.StringIO):
    """A terminal that somebody has stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go_on.wait()
        return super().write(text)


def test_a_stuck_terminal_holds_nobody_up():
    """Lines beyond the bound are dropped and counted, and those that were kept come out later."""
    stream = Stuck()
    outlet = Outlet(stream, TextLine(), max_waiting=3)
    entry = logging.makeLogRecord({"name": "shunt.room", "msg": "hello", "levelno": logging.INFO})
    outlet.handle(entry)
    stream.reached.wait()
    for _ in range(10):
        outlet.handle(entry)
    assert outlet.dropped == 7
    stream.go_on.set()
    outlet.close()
    assert stream.getvalue().count("hello") == 4


def test_a_full_disk_is_survived():
    """A line that cannot be written is counted, and the next one is tried."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    outlet = Outlet(Full(), TextLine())
    for _ in range(2):
        outlet.handle(logging.makeLogRecord({"name": "shunt.room", "msg": "hello"}))
    outlet.close()
    assert outlet.dropped == 2


def test_text_for_a_terminal_json_for_a_pipe():
    """The form follows the stream unless it is chosen."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, form in ((Terminal(), TextLine), (io.StringIO(), JsonLine)):
        assert isinstance(log.configure(stream=stream).formatter, form)
        log.close()


def test_configuring_twice_speaks_once():
    """The second call replaces the first."""
    stream = io.StringIO()
    log.configure(stream=io.StringIO())
    log.configure(stream=stream, as_json=False)
    log.answered(RECORD)
    log.close()
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("", ["keys info", "request info"]),
        ("info", ["keys info", "request info"]),
        ("warning", []),
        ("info,request=warning", ["keys info"]),
        ("error, keys=debug", ["keys debug", "keys info"]),
        ("Debug", ["keys debug", "keys info", "request debug", "request info"]),
    ],
)
def test_each_room_has_its_level(written: str, heard: list[str]):
    """The usual level holds for the rooms that are not named; the next call forgets what the one before said."""
    log.configure(levels_of("critical,keys=debug,request=debug"), stream=io.StringIO())
    stream = io.StringIO()
    log.configure(levels_of(written), as_json=True, stream=stream)
    for room in ("keys", "request"):
        for level in ("debug", "info"):
            getattr(logging.getLogger(f"shunt.{room}"), level)("a word")
    log.close()
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert heard == [f"{line['room']} {line['level']}" for line in said]


@pytest.mark.parametrize(
    ("written", "named"), [("loud", "'loud'"), ("kitchen=info", "'kitchen'"), ("info,keys=", "''")]
)
def test_a_level_that_is_none_is_refused(written: str, named: str):
    """A slip is told with the words that there are."""
    with pytest.raises(ConfigError, match=named):
        levels_of(written)


def test_every_room_that_speaks_can_be_told_how_loud():
    """The list of rooms is that of the loggers in the source."""
    source = Path(log.__file__).parents[1]
    text = "".join(path.read_text("utf-8") for path in source.rglob("*.py"))
    assert {*ROOMS} == {*re.findall(r'getLogger\(f?"(?:shunt|\{OURS\})\.(\w+)"\)', text)}
