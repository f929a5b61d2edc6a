"""From a model's `source` to a whole, verified file on this machine."""

import asyncio
from pathlib import Path

from router.engine.digest import remember, sha256_of
from router.engine.location import HubFile, SourceError, parse
from router.engine.progress import Report, silent
from router.engine.watch import Sleep, Snapshot


async def resolve(
    source: str, sha256: str | None, cache_dir: Path, report: Report = silent, *, sleep: Sleep = asyncio.sleep
) -> Path:
    """The file of `source`, fetched if it is not here yet; `sha256` is checked where it is given.

    Raises:
        SourceError: there is no such file, it cannot be fetched, or it is another one than `sha256` says.
    """
    location = parse(source)
    path = location if isinstance(location, Path) else location.place(cache_dir)
    if isinstance(location, HubFile) and not path.exists():
        await _fetch(location, sha256, cache_dir, report, sleep)
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file")
    await asyncio.to_thread(_verify, path, sha256, cache_dir)
    return path


async def _fetch(file: HubFile, sha256: str | None, cache_dir: Path, report: Report, sleep: Sleep) -> None:
    # A file that is here already must not cost the second that these two take to import.
    from router.engine.download import download  # noqa: PLC0415
    from router.engine.hub import describe  # noqa: PLC0415

    path = file.place(cache_dir)
    remote = await asyncio.to_thread(describe, file)
    digest = await download(remote, path, sha256, report, sleep=sleep)
    if digest is not None:
        remember(Snapshot.of(path.resolve()), digest, cache_dir)


def _verify(path: Path, sha256: str | None, cache_dir: Path) -> None:
    if sha256 is None:
        return
    try:
        found = sha256_of(path, cache_dir)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if found != sha256.lower():
        raise SourceError(f"{path} has sha256 {found}, and the policy file says {sha256}")
