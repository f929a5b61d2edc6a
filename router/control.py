"""Telling a running server to take its policy file as it is now: a socket that only the same user of this machine can open."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import platformdirs

from router.errors import ConfigError

APP = "shunt"
APPLY = b"apply\n"
MAX_ANSWER_BYTES = 1 << 20
PATIENCE_S = 120.0
"""How long a server may take: it loads new models before it answers."""

logger = logging.getLogger("shunt.control")


class Applied(msgspec.Struct, frozen=True):
    """What became of a policy file. `problems` is empty when it was taken; `kept` is what waits for the next start."""

    pid: int
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def listening(policy_file: Path, apply: Callable[[], Awaitable[Applied]]) -> AsyncIterator[None]:
    """Answer `shunt policy apply` for this file while the context is open. Without a safe folder nobody is answered."""
    place = _folder() / f"{_name(policy_file)}-{os.getpid()}.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if await reader.readline() == APPLY:
                writer.write(msgspec.json.encode(await apply()))
                await writer.drain()
        writer.close()

    try:
        _make_safe(place.parent)
        place.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(answer, place)
    except OSError as error:
        logger.warning("shunt policy apply cannot reach this process (%s): use SIGHUP", error.strerror or error)
        yield
        return
    try:
        yield
    finally:
        server.close()
        place.unlink(missing_ok=True)


def apply_everywhere(policy_file: Path) -> list[Applied]:
    """Tell every running server of this file to take it; what each of them says.

    Raises:
        ConfigError: no server of this file runs on this machine under this user.
    """
    found = [
        answer
        for place in sorted(_folder().glob(f"{_name(policy_file)}-*.sock"))
        if (answer := _ask(place)) is not None
    ]
    if not found:
        raise ConfigError(f"no server of {policy_file} runs here under this user: start it with `shunt serve`")
    return found


def _ask(place: Path) -> Applied | None:
    """None when nobody listens any more: a process that was killed leaves its socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        try:
            connection.connect(str(place))
            connection.sendall(APPLY)
            answer = connection.makefile("rb").read(MAX_ANSWER_BYTES)
            return msgspec.json.decode(answer, type=Applied)
        except (ConnectionError, FileNotFoundError):
            place.unlink(missing_ok=True)
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"{place.name}: the server gave no answer ({type(error).__name__})") from error


def _folder() -> Path:
    # platformdirs warns, once for each process, where there is no such folder; the user's own state folder does as well.
    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) / APP if given else platformdirs.user_state_path(APP) / "run"


def _make_safe(folder: Path) -> None:
    """The folder is ours and nobody else's. Raises `PermissionError` when somebody else made it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private")


def _name(policy_file: Path) -> str:
    return sha256(str(policy_file.resolve()).encode()).hexdigest()[:16]
