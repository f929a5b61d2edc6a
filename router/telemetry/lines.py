"""How a log line reads: one line, at most 1,000 bytes, and nothing in it that a client or a target wrote.

Our own messages are written with that in mind. Those of libraries are not: of an exception only its type and place are
shown, and of a library's message nothing, except where the library is known to keep to fixed words.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import TracebackType

from router.errors import RouterError
from router.ledger.record import UsageRecord

MAX_BYTES = 1000
OURS = "shunt"
TRUSTED = (OURS, "uvicorn")
WITHHELD = "(text withheld)"

# How long a text in a line may be; the next one is tried when the line is too long. An escaped character takes six.
LENGTHS = (600, 128, 32, 8)

# Escapes everything that is not ASCII: no character can end the line or move a terminal's cursor.
_encode = json.JSONEncoder(ensure_ascii=True).encode
_NAMES = tuple(field.name for field in fields(UsageRecord) if field.name != "at")
# What most requests have nothing of (an escalation, tags, sound, ...) is told where there is something.
_RARE = {field.name: field.default for field in fields(UsageRecord) if field.default is not MISSING}

Fields = Mapping[str, object]


class JsonLine(logging.Formatter):
    """One JSON object for each line, for a program that collects them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = {"time": f"{at}.{int(record.msecs):03}Z", "level": record.levelname.lower(), "room": room(record)}
        body = facts(record) or {"message": words(record)}
        for longest in LENGTHS:
            line = _encode({**head, **{name: _cut(value, longest) for name, value in body.items()}})
            if len(line) <= MAX_BYTES:
                return line
        return _encode({**head, "message": "(too long)"})


class TextLine(logging.Formatter):
    """One line for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        told = facts(record)
        text = _sentence(told) if told else f"{room(record)}: {words(record)}"
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return printable(f"{at} {level}{text}").encode()[:MAX_BYTES].decode(errors="ignore")


def spoken(record: UsageRecord) -> str:
    """A record as a line for a person: time, who answered, why, what it took."""
    told = {name: getattr(record, name) for name in _NAMES} | {"attempts": " ".join(record.attempts)}
    return printable(f"{time.strftime('%H:%M:%S', time.localtime(record.at))} {_sentence(told)}")


def room(record: logging.LogRecord) -> str:
    """Which part of the program speaks."""
    return record.name.removeprefix(f"{OURS}.")


def words(record: logging.LogRecord) -> str:
    """The message as far as it may be shown, and where an exception came from."""
    name = record.name.partition(".")[0]
    if name in TRUSTED:
        text = record.getMessage()
    elif name == "asyncio":
        # Its first line is fixed; those after it show the task, and with it the exception's text.
        text = str(record.msg).partition("\n")[0]
    else:
        text = f"{WITHHELD} at {record.module}:{record.lineno}"
    place = where(record.exc_info[1]) if record.exc_info else ""
    return f"{text.strip()} ({place})" if place else text.strip()


def where(error: BaseException | None) -> str:
    """Type and place of an exception: its text could hold a prompt."""
    if error is None:
        return ""
    trace = error.__traceback__
    return f"{type(error).__name__} at {_last(trace)}" if trace is not None else type(error).__name__


def facts(record: logging.LogRecord) -> Fields | None:
    """What a line about a request says, or None for any other line."""
    usage, error = getattr(record, "usage", None), getattr(record, "refused", None)
    if isinstance(usage, UsageRecord):
        return _answered(usage)
    if isinstance(error, RouterError):
        # Not `param`: a field that we do not know has the client's name for it.
        told = {"status": error.status, "outcome": "refused", "reason": error.code}
        return {"request_id": getattr(record, "request_id", ""), **told}
    return None


def printable(text: str) -> str:
    """`text` in one line, without anything that moves a terminal's cursor."""
    return "".join(char if char.isprintable() else " " for char in text)


def _answered(usage: UsageRecord) -> Fields:
    found = ((name, getattr(usage, name)) for name in _NAMES)
    told: dict[str, object] = {name: value for name, value in found if name not in _RARE or value != _RARE[name]}
    told["attempts"] = " ".join(usage.attempts)
    return told


def _sentence(told: Fields) -> str:
    """Who answered, how it went, why, what it took: the words of one request in the order of interest."""
    if told["outcome"] == "refused":
        return f"refused {told['status']}  {told['reason']}  {told['request_id']}"
    parts = [
        f"{told['target']} {told['outcome']} {told['status']}",
        f"{told['policy']}/{told['rule']}: {told['reason']}",
        "" if told["score"] is None else f"score {told['score']:.2f}",
        f"{told['prompt_tokens']}+{told['completion_tokens']} tokens",
        _span(told["latency_s"]),
        "cost unknown" if told["cost_usd"] is None else f"${told['cost_usd']:.6f}",
        f"{told['attempts']}" if " " in str(told["attempts"]) else "",
        f"{told['request_id']}",
    ]
    return "  ".join(part for part in parts if part)


def _span(seconds: object) -> str:
    return f"{1000 * seconds:.0f} ms" if isinstance(seconds, float) and seconds < 1 else f"{seconds:.2f} s"


def _cut(value: object, longest: int) -> object:
    """Text cut to `longest` characters, numbers to a nano of their unit."""
    if isinstance(value, str):
        return value[:longest]
    return round(value, 9) if isinstance(value, float) else value


def _last(trace: TracebackType) -> str:
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
