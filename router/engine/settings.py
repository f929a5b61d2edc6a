"""What the parent tells an engine child when it starts it: one JSON argument of its command line, no secret in it."""

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the child loads and serves its model.

    `socket` is the path of the parent's Unix socket and `model` that of the GGUF file, already checked. `context` is the
    window of one sequence in tokens, `parallel` how many sequences are decoded together and `queue` how many requests
    may wait. `threads` None leaves one core free.
    """

    socket: str
    model: str
    context: int
    parallel: int
    queue: int
    threads: int | None = None


def dump(settings: Settings) -> str:
    """The settings as the child's only argument: ``python -m router.engine.child '{"socket": ...}'``."""
    return msgspec.json.encode(settings).decode()


def load(argument: str) -> Settings:
    """The settings from the child's argument. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(argument, type=Settings)
