"""How much each room says: `info`, or `warning,engine=info,request=error`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from router.errors import ConfigError

# A room is the part of the program that a line names; a new logger joins this list (a test compares).
ROOMS = ("app", "control", "engine", "gate", "keys", "ledger", "limits", "reload", "request", "runtime", "shadow")
LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Levels:
    """The lowest level that is heard, in capitals as the standard library has it; `rooms` have their own."""

    usual: str = "INFO"
    rooms: Mapping[str, str] = field(default_factory=dict)


def levels_of(text: str) -> Levels:
    """Read the levels as an operator writes them.

    Raises:
        ConfigError: there is no such level, or no such room.
    """
    usual, rooms = "INFO", {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        room, is_of_room, level = part.rpartition("=")
        if level.lower() not in LEVELS:
            raise ConfigError(f"{level!r} is no level of the log: {', '.join(LEVELS)}")
        if not is_of_room:
            usual = level.upper()
        elif room in ROOMS:
            rooms[room] = level.upper()
        else:
            raise ConfigError(f"{room!r} is no room of the log: {', '.join(ROOMS)}")
    return Levels(usual, rooms)
