"""Fetching a model: through breaks, to the right bytes or to nothing, and only once."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.engine import download as download_module
from router.engine.location import HubFile, SourceError, parse, place
from router.engine.source import resolve
from tests.engine.hub_server import SOURCE, Hub, serving

DATA = os.urandom(3_000_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub with one file; `HF_ENDPOINT` points at it."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    async with serving(Hub(DATA)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


async def _resolve(cache: Path, sha256: str | None = None, report=None) -> Path:
    return await resolve(SOURCE, sha256, cache, report or (lambda *_: None), sleep=_at_once)


def _files(cache: Path) -> list[str]:
    """Everything under the model's folder but locks."""
    folder = place(SOURCE, cache).parent
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []


async def test_file_is_fetched_once(hub: Hub, tmp_path: Path) -> None:
    """The first call fetches and verifies; the second one asks nobody, not even for the digest."""
    path = await _resolve(tmp_path)
    assert path == place(SOURCE, tmp_path)
    assert path.read_bytes() == DATA
    assert _files(tmp_path) == ["tiny.gguf"]
    asked = len(hub.asked)
    assert await _resolve(tmp_path, DIGEST) == path
    assert len(hub.asked) == asked


async def test_break_is_resumed(hub: Hub, tmp_path: Path) -> None:
    """A transfer that breaks twice goes on where it stopped, and the bytes are right."""
    hub.breaks_after = [1_200_000, 700_000]
    assert (await _resolve(tmp_path)).read_bytes() == DATA
    first, second, third = hub.ranges
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 1_200_000
    assert int(third.removeprefix("bytes=").rstrip("-")) <= 1_900_000


async def test_transfer_goes_on_in_another_process(hub: Hub, tmp_path: Path) -> None:
    """What came before the process ended is not fetched again."""
    hub.breaks_after = [1_000_000] + [0] * download_module.TRIES
    with pytest.raises(SourceError, match="are kept for next time"):
        await _resolve(tmp_path)
    [part] = _files(tmp_path)
    kept = (place(SOURCE, tmp_path).parent / part).stat().st_size
    assert 0 < kept <= 1_000_000
    hub.breaks_after, hub.asked = [], []
    assert (await _resolve(tmp_path)).read_bytes() == DATA
    assert hub.ranges == [f"bytes={kept}-"]
    assert _files(tmp_path) == ["tiny.gguf"]


async def test_part_of_another_content_is_not_continued(hub: Hub, tmp_path: Path) -> None:
    """When the revision has moved, what is left of the old file is thrown away."""
    hub.breaks_after = [1_000_000] + [0] * download_module.TRIES
    with pytest.raises(SourceError):
        await _resolve(tmp_path)
    hub.data, hub.breaks_after = bytes(reversed(DATA)), []
    hub.asked = []
    assert (await _resolve(tmp_path)).read_bytes() == hub.data
    assert hub.ranges == [None]
    assert _files(tmp_path) == ["tiny.gguf"]


async def test_server_without_ranges_starts_over(hub: Hub, tmp_path: Path) -> None:
    """A server that ignores the range sends everything again, and nothing is doubled."""
    hub.breaks_after, hub.ignores_ranges = [1_000_000], True
    assert (await _resolve(tmp_path)).read_bytes() == DATA


async def test_other_range_than_was_asked_for_starts_over(hub: Hub, tmp_path: Path) -> None:
    """A server that sends another part of the file than was asked for does not spoil what is here."""
    hub.breaks_after, hub.lies_about_ranges = [1_000_000], 1
    assert (await _resolve(tmp_path)).read_bytes() == DATA
    assert hub.ranges[-1] is None


async def test_spoiled_part_never_becomes_the_file(hub: Hub, tmp_path: Path) -> None:
    """Bytes that were damaged on the disk are found by the digest: no file, no part, and the next try is right."""
    hub.breaks_after = [1_000_000] + [0] * download_module.TRIES
    with pytest.raises(SourceError):
        await _resolve(tmp_path)
    part = place(SOURCE, tmp_path).parent / _files(tmp_path)[0]
    part.write_bytes(b"\0" * part.stat().st_size)
    hub.breaks_after = []
    with pytest.raises(SourceError, match="was expected"):
        await _resolve(tmp_path)
    assert _files(tmp_path) == []
    assert (await _resolve(tmp_path)).read_bytes() == DATA


async def test_part_that_is_too_long_starts_over(hub: Hub, tmp_path: Path) -> None:
    """A part with more bytes than the file has cannot be right."""
    target = place(SOURCE, tmp_path)
    target.parent.mkdir(parents=True)
    target.with_name(f"tiny.gguf.{DIGEST[:16]}.part").write_bytes(DATA + b"more")
    assert (await _resolve(tmp_path)).read_bytes() == DATA


@pytest.mark.parametrize("where", ["hub", "policy"])
async def test_wrong_digest_leaves_nothing(hub: Hub, tmp_path: Path, where: str) -> None:
    """Bytes that are not what the hub or the policy file promises are removed."""
    if where == "hub":
        hub.sha256 = "1" * 64
    with pytest.raises(SourceError, match=f"sha256 {DIGEST}"):
        await _resolve(tmp_path, "2" * 64 if where == "policy" else None)
    assert _files(tmp_path) == []


async def test_busy_server_is_asked_again(hub: Hub, tmp_path: Path) -> None:
    """A 503 and a 429 are not the end."""
    hub.statuses = [503, 429]
    assert (await _resolve(tmp_path)).read_bytes() == DATA


async def test_unknown_size_is_no_problem(hub: Hub, tmp_path: Path) -> None:
    """A hub that does not tell the size is fetched from all the same, through a break."""
    hub.tells_size, hub.breaks_after = False, [500_000]
    assert (await _resolve(tmp_path)).read_bytes() == DATA


async def test_refusal_is_one_line(hub: Hub, tmp_path: Path) -> None:
    """A final refusal is told in one line, at once, without the token."""
    hub.statuses = [403]
    with pytest.raises(SourceError, match="answered 403") as caught:
        await _resolve(tmp_path)
    assert "canary" not in str(caught.value)
    assert hub.statuses == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RepoNotFound", "no such repository"),
        ("RevisionNotFound", "no such revision"),
        ("EntryNotFound", "no such file"),
        ("GatedRepo", "gated"),
    ],
)
async def test_what_the_hub_does_not_have_is_named(hub: Hub, tmp_path: Path, code: str, words: str) -> None:
    """A typing error in the source is told as what it is."""
    hub.missing = code
    with pytest.raises(SourceError, match=rf"hf:org/tiny-GGUF/tiny\.gguf@abc123: .*{words}"):
        await _resolve(tmp_path)


async def test_unreachable_hub_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the message says so in one line."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:9 cannot be reached") as caught:
        await _resolve(tmp_path)
    assert "\n" not in str(caught.value)


async def test_fetched_file_needs_no_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is here, the file is served with the hub unreachable."""
    path = await _resolve(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert await _resolve(tmp_path) == path


async def test_token_goes_to_the_hub_only(hub: Hub, tmp_path: Path) -> None:
    """The hub sends the bytes from another host, which never sees the user's token."""
    async with serving(Hub(DATA)) as store:
        hub.location = store.url.replace("127.0.0.1", "localhost") + "/blob"
        assert (await _resolve(tmp_path)).read_bytes() == DATA
    assert all(headers["authorization"] == "Bearer hf_canary" for _, headers in hub.asked)
    assert ["authorization" in headers for _, headers in store.asked] == [False]


async def test_two_at_a_time_fetch_once(hub: Hub, tmp_path: Path) -> None:
    """Whoever comes second waits for the first and takes its file."""
    one, two = await asyncio.gather(_resolve(tmp_path), _resolve(tmp_path))
    assert one == two
    assert hub.ranges == [None]


async def test_cancelled_transfer_can_go_on(hub: Hub, tmp_path: Path) -> None:
    """Stopping in the middle keeps the part and frees the lock."""
    started = asyncio.Event()
    task = asyncio.ensure_future(_resolve(tmp_path, report=lambda *_: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await _resolve(tmp_path)).read_bytes() == DATA


async def test_progress_is_reported(hub: Hub, tmp_path: Path) -> None:
    """The report rises to the whole size, which is known from the start."""
    reports: list[tuple[int, int | None]] = []
    await _resolve(tmp_path, report=lambda *seen: reports.append(seen))
    assert reports == sorted(reports)
    assert reports[-1] == (len(DATA), len(DATA))


async def test_folder_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    """A cache that is no folder is a clear line, not a traceback."""
    cache = tmp_path / "cache"
    cache.write_text("not a folder")
    with pytest.raises(SourceError, match="cannot be written"):
        await _resolve(cache)


async def test_full_disk_is_told_before_the_transfer(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that will not fit is not begun."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(SourceError, match=r"1\.0 kB free, and 3\.0 MB are needed"):
        await _resolve(tmp_path)
    assert hub.ranges == []


async def test_path_is_itself(tmp_path: Path) -> None:
    """A path is taken as it is, and checked where a digest is given."""
    path = tmp_path / "model.gguf"
    path.write_bytes(DATA)
    assert await resolve(str(path), DIGEST.upper(), tmp_path) == path
    with pytest.raises(SourceError, match="the policy file says"):
        await resolve(str(path), "0" * 64, tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        await resolve(str(tmp_path / "absent.gguf"), None, tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "hf:org/repo",
        "hf:org/../../etc/passwd@main",
        "hf:org/repo/../x.gguf",
        "hf:org/repo//etc/x.gguf",
        "hf:org/repo/x.gguf@../..",
        "hf:org/repo/x.gguf@a@b",
        "hf:",
    ],
)
def test_source_cannot_leave_the_cache(source: str) -> None:
    """What is not a repository's file, or would climb out of the cache folder, is refused."""
    with pytest.raises(SourceError, match="is not hf:"):
        parse(source)


def test_revision_has_a_default() -> None:
    """Without a revision it is the main branch; a folder inside the repository is kept."""
    assert parse("hf:org/repo/sub/x.gguf") == HubFile("org/repo", "sub/x.gguf", "main")
