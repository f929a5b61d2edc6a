"""Keys: made by a command, kept as digests, known to a running server within a second."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.caller import EVERY_OPT_OUT
from router.config import Config, Secret
from router.errors import ConfigError, Unauthorized
from router.keys import ring as ring_module
from router.keys.book import Book, Wish
from router.keys.expiry import moment_of
from router.keys.file import path_in
from router.keys.key import digest_of
from router.keys.ring import ANYBODY, Ring
from router.limit import Limit
from tests.fakes.patience import PATIENCE_S

NOW = 1_800_000_000.0


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(Config(None, models={}, tiers=(), policies={}, default_policy="auto", state_dir=tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return path_in(tmp_path)


def opens(ring: Ring, secret: str, now: float = NOW) -> bool:
    try:
        ring.find(secret.encode(), now)
    except Unauthorized:
        return False
    return True


def test_a_key_opens_and_says_who_holds_it(book: Book, path: Path):
    """The name, the tags, what is refused and the limit come with the key."""
    limit = Limit("app", key="app", usd_per_day=2.0, on_exceed="downgrade")
    secret = book.create(Wish("app", tags=("team-a",), refused=("route",), limit=limit), NOW)
    holder = Ring(path=path).find(secret.encode(), NOW)
    assert (holder.caller.key, holder.caller.tags) == ("app", {"team-a"})
    assert holder.caller.may == EVERY_OPT_OUT - {"route"}
    assert holder.limit == limit


def test_only_the_digest_is_kept(book: Book, path: Path):
    """Neither the secret nor a part of it that could be guessed on is in the file, which nobody else may read."""
    secret = book.create(Wish("app"), NOW)
    text = path.read_text()
    assert secret not in text
    assert secret.rsplit("-", 1)[1] not in text
    assert digest_of(secret) in text
    assert path.stat().st_mode & 0o077 == 0


def test_without_a_key_everybody_is_let_in(path: Path):
    """A router that was never given a key is open."""
    assert Ring(path=path).is_open
    assert not Ring([Secret("K", "x")], path).is_open


def test_the_last_key_that_goes_leaves_the_door_shut(book: Book, path: Path):
    """Revoking or deleting every key opens nothing."""
    secret = book.create(Wish("app"), NOW)
    ring = Ring(path=path)
    book.revoke("app", NOW)
    assert not Ring(path=path).is_open
    path.unlink()
    ring.refresh()
    assert not ring.is_open
    assert not opens(ring, secret)


def test_rotation_ends_the_old_secret_after_its_grace(book: Book, path: Path):
    """Both secrets open while the grace lasts; the key keeps its name."""
    old = book.create(Wish("app"), NOW)
    new = book.rotate("app", NOW + 60)
    ring = Ring(path=path)
    assert [opens(ring, one, NOW + 59) for one in (old, new)] == [True, True]
    assert [opens(ring, one, NOW + 61) for one in (old, new)] == [False, True]
    assert ring.find(new.encode(), NOW).caller.key == "app"
    newest = book.rotate("app")
    ring.refresh()
    assert [opens(ring, one) for one in (old, new, newest)] == [False, False, True]


def test_an_expired_key_says_so_to_its_holder_only(book: Book, path: Path):
    """Whoever has the right secret is told why it opens no more; who guesses is told nothing."""
    secret = book.create(Wish("app", expires_at=NOW + 10), NOW)
    ring = Ring(path=path)
    assert opens(ring, secret, NOW + 9)
    with pytest.raises(Unauthorized, match="expired"):
        ring.find(secret.encode(), NOW + 10)
    guess = f"{secret[:-1]}{'0' if secret[-1] != '0' else '1'}"
    with pytest.raises(Unauthorized, match="A valid key is needed"):
        ring.find(guess.encode(), NOW + 10)


@given(st.binary(max_size=700))
def test_nothing_else_opens(presented: bytes):
    """No other bytes open, however long or odd."""
    with pytest.raises(Unauthorized):
        Ring([Secret("K", "k" * 40)]).find(presented, NOW)


async def test_a_running_server_knows_within_a_second(book: Book, path: Path, monkeypatch: pytest.MonkeyPatch):
    """A new key opens and a revoked one does not, without a restart."""
    assert ring_module.POLL_S <= 0.5
    monkeypatch.setattr(ring_module, "POLL_S", 0.001)
    ring = Ring([Secret("K", "x")], path)
    changed = asyncio.Event()
    real = ring.refresh
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(ring, "refresh", lambda: (real(), loop.call_soon_threadsafe(changed.set)))
    watching = asyncio.create_task(ring.watch())
    secret = book.create(Wish("app"), NOW)
    await asyncio.wait_for(changed.wait(), PATIENCE_S)
    assert opens(ring, secret)
    changed.clear()
    book.revoke("app", NOW)
    await asyncio.wait_for(changed.wait(), PATIENCE_S)
    assert not opens(ring, secret)
    watching.cancel()


def test_a_damaged_file_changes_nothing_while_serving(book: Book, path: Path, caplog: pytest.LogCaptureFixture):
    """A server keeps the keys that it knows, and one that starts refuses."""
    secret = book.create(Wish("app"), NOW)
    ring = Ring(path=path)
    path.write_text("{")
    ring.refresh()
    assert opens(ring, secret)
    assert "stay as they were" in caplog.text
    with pytest.raises(ConfigError, match=r"keys\.json"):
        Ring(path=path)


def test_a_digest_that_is_none_is_damage(book: Book, path: Path):
    """A file that was edited by hand is refused when it starts, not when somebody calls."""
    book.create(Wish("app"), NOW)
    kept = json.loads(path.read_text())
    kept["keys"][0]["sha256"] = "abc"
    path.write_text(json.dumps(kept))
    with pytest.raises(ConfigError, match=r"keys\.json"):
        Ring(path=path)


def test_a_name_is_used_once(book: Book):
    """The ledger knows keys by name, so that even a revoked one's is taken."""
    book.create(Wish("app"), NOW)
    book.revoke("app", NOW)
    with pytest.raises(ConfigError, match="there is, or was"):
        book.create(Wish("app"), NOW)
    with pytest.raises(ConfigError, match="revoked"):
        book.rotate("app")


def test_what_the_policy_file_lacks_is_refused(book: Book):
    """A model or policy that nobody has is a spelling mistake, told at once with everything else."""
    with pytest.raises(ConfigError) as caught:
        book.create(Wish("a b", models=("smal",), policies=("auot",)), NOW)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "expected"), [("12h", NOW + 43_200), ("2w", NOW + 1_209_600), ("2100-01-01", 4_102_444_800.0)]
)
def test_an_expiry_is_a_date_or_a_span(text: str, expected: float):
    """Days are days of UTC."""
    assert moment_of(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "12", "0h", "1999-01-01"])
def test_an_expiry_lies_ahead(text: str):
    """A moment that has passed would make a key that never opens."""
    with pytest.raises(ConfigError):
        moment_of(text, NOW)


def test_only_its_own_limit_comes_with_a_key(book: Book, path: Path):
    """Keys without bounds bring none."""
    book.create(Wish("free"), NOW)
    book.create(Wish("bound", limit=replace(Limit("bound", key="bound"), concurrent=2)), NOW)
    ring = Ring(path=path)
    assert [limit.id for limit in ring.limits()] == ["bound"]
    assert ring.has_several
    assert ANYBODY.limit is None
