"""Answers in memory: for their time, within their bytes."""

from hypothesis import given
from hypothesis import strategies as st

from router.cache.memory import ENTRY_BYTES, LARGEST_PART, MemoryStore


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_is_there_until_its_time_is_up():
    """Not a moment longer, and then its room is free."""
    clock = Clock()
    store = MemoryStore(1 << 20, clock)
    store.put("k", b"answer", 10.0)
    clock.now += 9.99
    assert b"answer" == await store.get("k")
    clock.now += 0.01
    assert None is await store.get("k")
    assert (0, 0) == (store.stats.entries, store.stats.bytes)


async def test_the_one_that_nobody_asked_for_longest_goes_first():
    """Room is made for the new one, and counted."""
    size = 1000
    store = MemoryStore(LARGEST_PART * (size + ENTRY_BYTES))
    for number in range(LARGEST_PART):
        store.put(f"k{number}", bytes(size), 60.0)
    await store.get("k0")
    store.put("new", bytes(size), 60.0)
    assert (1, LARGEST_PART) == (store.stats.evictions, store.stats.entries)
    assert [True, False, True] == [await store.get(name) is not None for name in ("k0", "k1", "new")]


async def test_one_long_answer_does_not_empty_the_cache():
    """What would take more than its part is not kept."""
    store = MemoryStore(80_000)
    store.put("short", b"x", 60.0)
    store.put("long", bytes(10_000), 60.0)
    assert (b"x", None) == (await store.get("short"), await store.get("long"))


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4000), st.integers(1, 9), st.integers(0, 3))),
    st.integers(1000, 20_000),
)
async def test_the_bound_holds_whatever_is_kept(puts: list[tuple[str, int, int, int]], most: int):
    """The bytes never pass the bound, nothing takes more than its part, and the count is of what is there."""
    clock = Clock()
    store = MemoryStore(most, clock)
    for key, size, ttl_s, passed in puts:
        store.put(key, bytes(size), float(ttl_s))
        assert store.stats.bytes <= most
        clock.now += passed
        await store.get(key)
    held = store._entries.values()
    assert store.stats.bytes == sum(len(value) + ENTRY_BYTES for value, _ in held)
    assert store.stats.entries == len(held)
