"""Slots, and what earlier conversations leave in them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine.prefix import Kept, PrefixCache, Vault, common
from tests.engine.fake_decoder import FakeDecoder


def tokens_of(*parts: tuple[int, int]) -> np.ndarray:
    """Runs of (token, count)."""
    return np.concatenate([np.full(count, token, np.int32) for token, count in parts])


def read(cache: PrefixCache, memory: FakeDecoder, tokens: np.ndarray):
    """Open a slot for the tokens and read what is missing, as the engine would; the slot and what was found."""
    match = cache.match(tokens)
    slot = cache.open(tokens, match)
    assert slot is not None
    memory.slots.setdefault(slot.number, []).extend(tokens[match.length :].tolist())
    slot.length = len(tokens)
    return slot, match.length


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_is_the_longest_common_prefix(left, right):
    """`common` counts the equal tokens at the front."""
    expected = next(
        (at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), min(len(left), len(right))
    )
    assert expected == common(np.array(left, np.int32), np.array(right, np.int32))


def test_a_second_turn_reads_only_what_is_new():
    """A conversation that grew takes its slot over and keeps all that was read."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 2)
    first, _ = read(cache, memory, tokens_of((1, 500)))
    cache.retire(first)
    second, found = read(cache, memory, tokens_of((1, 500), (2, 20)))
    assert (500, first.number) == (found, second.number)


def test_the_whole_prompt_is_never_found():
    """The last token of a prompt is always read, for its logits."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 1)
    slot, _ = read(cache, memory, tokens_of((1, 100)))
    cache.retire(slot)
    assert 99 == cache.match(tokens_of((1, 100))).length


def test_a_shared_system_prompt_is_copied_and_the_other_conversation_stays():
    """A new conversation on a known system prompt does not destroy the one that it shares it with."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 2)
    old, _ = read(cache, memory, tokens_of((1, 100), (2, 900)))
    cache.retire(old)
    new, found = read(cache, memory, tokens_of((1, 100), (3, 50)))
    cache.retire(new)
    assert 100 == found
    assert 1000 == cache.match(tokens_of((1, 100), (2, 950))).length


def test_a_live_sequence_lends_its_prefix():
    """A prefix can be copied from a sequence that is still running."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 2)
    read(cache, memory, tokens_of((1, 200)))
    _, found = read(cache, memory, tokens_of((1, 150), (2, 10)))
    assert 150 == found


def test_the_least_recently_used_goes_first():
    """Without room for another conversation, the one that was idle longest is dropped."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 2)
    for token in (1, 2, 3):
        slot, _ = read(cache, memory, tokens_of((token, 100)))
        cache.retire(slot)
    found = [cache.match(tokens_of((token, 101))).length for token in (1, 2, 3)]
    assert [0, 100, 100] == found


def test_what_is_displaced_comes_back_from_the_vault():
    """With a vault, a long conversation that lost its slot is restored instead of read again."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 1, vault_bytes=1 << 20)
    for token in (1, 2):
        slot, _ = read(cache, memory, tokens_of((token, 300)))
        cache.retire(slot)
    slot, found = read(cache, memory, tokens_of((1, 300), (9, 5)))
    assert 300 == found
    assert memory.slots[slot.number] == tokens_of((1, 300), (9, 5)).tolist()


def test_groups_do_not_share():
    """What was read under one adapter is never used under another."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 2)
    slot = cache.open(tokens_of((1, 100)), cache.match(tokens_of((1, 100)), "a"), "a")
    slot.length = 100
    cache.retire(slot)
    assert (0, 99) == (cache.match(tokens_of((1, 100)), "b").length, cache.match(tokens_of((1, 100)), "a").length)


def test_models_whose_state_cannot_be_cut_share_nothing():
    """With `keep` off every prompt is read whole and slots are emptied."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, 1, keep=False)
    slot, _ = read(cache, memory, tokens_of((1, 100)))
    cache.retire(slot)
    assert (0, 0, []) == (cache.match(tokens_of((1, 100))).length, cache.used, memory.slots[slot.number])


def test_the_vault_keeps_to_its_budget():
    """The vault drops the oldest contents to stay within its bytes, and never takes one that is larger than all."""
    vault = Vault(1000)
    for token in range(5):
        vault.put(Kept(tokens_of((token, 70)), "", np.zeros(400, np.uint8)))
    vault.put(Kept(tokens_of((9, 70)), "", np.zeros(1001, np.uint8)))
    assert 800 == vault.size
    assert [0, 0, 0, 70, 70] == [vault.match(tokens_of((token, 70)), "").length for token in range(5)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 400), st.booleans()), min_size=1, max_size=25
    ),
    st.integers(1, 4),
    st.sampled_from([0, 4000, 1 << 20]),
)
def test_a_slot_holds_exactly_what_is_believed(requests, slots, vault_bytes):
    """After any series of conversations, each slot's real content is the prefix that the cache says it is."""
    memory = FakeDecoder()
    cache = PrefixCache(memory, slots, vault_bytes=vault_bytes)
    live = []
    for system, topic, size, stays in requests:
        tokens = tokens_of((system, 90), (4 + topic, size))
        if not cache.idle():
            cache.retire(live.pop(0))
        match = cache.match(tokens)
        slot = cache.open(tokens, match)
        assert memory.slots.get(slot.number, []) == tokens[: match.length].tolist()
        memory.slots.setdefault(slot.number, []).extend(tokens[match.length :].tolist())
        slot.length = len(tokens)
        live.append(slot)
        if not stays:
            cache.retire(live.pop())
        if len(live) > 1 and cache.idle():
            cache.swap(live[0], cache.idle()[0])
        for one in (*live, *cache.idle()):
            assert memory.slots.get(one.number, []) == one.content.tolist()
