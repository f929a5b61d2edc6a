"""Who holds which window of the attention memory, and which earlier conversations are still there to be continued.

Every slot is one window of the memory, wide enough for a whole conversation, so a sequence that has been admitted can
never run out of room. An idle slot keeps what it read; a new prompt begins with the longest prefix that any slot, or
the vault in ordinary memory, has in common with it: taken over in place, copied, or restored.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Tokens: TypeAlias = npt.NDArray[np.int32]
Saved: TypeAlias = npt.NDArray[np.uint8]

MIN_SHARED: Final = 8
"""A shorter common prefix (a BOS and a role marker) is not worth taking over."""

WORTH_COPYING: Final = 64
"""Copying a window's content costs about as much as reading a few dozen tokens."""

WORTH_SAVING: Final = 256
"""Shorter contents are read again as fast as they would be put away and fetched."""


class Memory(Protocol):
    """The effects on the real attention memory. A slot's content is the positions 0..length-1 of one sequence."""

    def trim(self, slot: int, keep: int) -> None:
        """Forget everything of the slot but its first `keep` positions."""

    def copy(self, source: int, target: int) -> None:
        """Replace the content of `target` by that of `source`."""

    def swap(self, left: int, right: int) -> None:
        """Exchange two contents."""

    def save(self, slot: int) -> Saved:
        """The content, in ordinary memory."""

    def restore(self, slot: int, saved: Saved) -> None:
        """Replace the slot's content by a saved one."""


@dataclass(slots=True, eq=False)
class Slot:
    """One window: it holds the first `length` of `tokens`. `group` keeps unlike contents (other adapters) apart."""

    number: int
    tokens: Tokens = field(default_factory=lambda: np.empty(0, np.int32))
    length: int = 0
    group: str = ""
    used_at: int = 0
    is_live: bool = False

    @property
    def content(self) -> Tokens:
        """The tokens it holds."""
        return self.tokens[: self.length]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A content in the vault."""

    tokens: Tokens
    group: str
    data: Saved


@dataclass(frozen=True, slots=True)
class Match:
    """`length` tokens of a prompt are already there, in `source`."""

    length: int = 0
    source: Slot | Kept | None = None


def common(left: Tokens, right: Tokens) -> int:
    """Length of the longest common prefix."""
    size = min(len(left), len(right))
    if not size:
        return 0
    unlike = left[:size] != right[:size]
    first = int(unlike.argmax())
    return first if unlike[first] else size


class Vault:
    """Contents in ordinary memory, at most `budget` bytes of them, least recently put away first to go."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: list[Kept] = []
        self.size = 0

    def put(self, kept: Kept) -> None:
        """Keep a content, unless it is over the budget by itself; what it covers goes."""
        if kept.data.nbytes > self._budget:
            return
        for other in tuple(self._kept):
            if other.group == kept.group and common(other.tokens, kept.tokens) == len(other.tokens):
                self.take(other)
        while self.size + kept.data.nbytes > self._budget:
            self.take(self._kept[0])
        self._kept.append(kept)
        self.size += kept.data.nbytes

    def take(self, kept: Kept) -> None:
        """Let go of a content."""
        self._kept.remove(kept)
        self.size -= kept.data.nbytes

    def match(self, tokens: Tokens, group: str) -> Match:
        """The content with the longest common prefix, if that is worth a copy."""
        best = Match()
        for kept in self._kept:
            length = common(tokens, kept.tokens) if kept.group == group else 0
            if length > best.length:
                best = Match(length, kept)
        return best if best.length >= WORTH_COPYING else Match()

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self.size = 0


class PrefixCache:
    """Gives out slots and takes them back. `keep` False is for models whose state cannot be cut at a position."""

    def __init__(self, memory: Memory, slots: int, *, vault_bytes: int = 0, keep: bool = True) -> None:
        self._memory = memory
        self._keep = keep
        self._slots = [Slot(number) for number in range(slots)]
        self._vault = Vault(vault_bytes)
        self._clock = 0

    @property
    def used(self) -> int:
        """Tokens held, by live and idle slots."""
        return sum(slot.length for slot in self._slots)

    @property
    def vault_bytes(self) -> int:
        """Size of what is put away."""
        return self._vault.size

    def match(self, tokens: Tokens, group: str = "") -> Match:
        """The longest known prefix of `tokens`, always short of the whole: its last token has to be read for logits."""
        if not self._keep:
            return Match()
        wanted = tokens[:-1]
        best = self._vault.match(wanted, group)
        for slot in self._slots:
            if slot.group != group or slot.length <= best.length:
                continue
            length = common(wanted, slot.content)
            enough = MIN_SHARED if self._may_take_over(slot, length) else WORTH_COPYING
            if length >= enough and length > best.length:
                best = Match(length, slot)
        return best

    def open(self, tokens: Tokens, match: Match, group: str = "") -> Slot | None:
        """A slot for `tokens` (which may grow in place), holding what `match` found; None while all are live."""
        slot = self._target(match)
        if slot is None:
            return None
        self._bring(slot, match)
        if slot.length > match.length:
            self._memory.trim(slot.number, match.length)
        slot.tokens, slot.length, slot.group = tokens, match.length, group
        slot.is_live, slot.used_at = True, self._tick()
        return slot

    def retire(self, slot: Slot) -> None:
        """The sequence is over; its slot is free and keeps what was read."""
        slot.is_live, slot.used_at = False, self._tick()
        slot.tokens = slot.content.copy()
        if not self._keep:
            self._memory.trim(slot.number, 0)
            slot.length = 0

    def swap(self, left: Slot, right: Slot) -> None:
        """Let two slots change places."""
        self._memory.swap(left.number, right.number)
        left.number, right.number = right.number, left.number

    def idle(self) -> list[Slot]:
        """The slots that are not live."""
        return [slot for slot in self._slots if not slot.is_live]

    def forget_all(self) -> None:
        """The real memory was lost: every slot is idle and empty. What is in the vault is as good as before."""
        for slot in self._slots:
            slot.length, slot.is_live = 0, False

    def _may_take_over(self, slot: Slot, length: int) -> bool:
        """True when little that could be wanted again would be lost behind the common prefix."""
        return not slot.is_live and slot.length - length <= max(WORTH_COPYING, length)

    def _target(self, match: Match) -> Slot | None:
        source = match.source
        if isinstance(source, Slot) and self._may_take_over(source, match.length):
            return source
        free = [slot for slot in self.idle() if slot is not source]
        if free:
            return min(free, key=lambda slot: (slot.used_at if slot.length else 0, slot.number))
        return source if isinstance(source, Slot) and not source.is_live else None

    def _bring(self, slot: Slot, match: Match) -> None:
        """Put the matched content into the slot, and what was there away."""
        if slot is match.source:
            if not self._may_take_over(slot, match.length):
                self._put_away(slot)
            return
        if isinstance(match.source, Kept):
            # Out of the vault first, or what is put away now might push it out.
            self._vault.take(match.source)
        self._put_away(slot)
        if isinstance(match.source, Slot):
            self._memory.copy(match.source.number, slot.number)
            match.source.used_at = self._tick()
            slot.length = match.source.length
        elif match.source is not None:
            self._memory.restore(slot.number, match.source.data)
            slot.length = len(match.source.tokens)

    def _put_away(self, slot: Slot) -> None:
        if self._keep and slot.length >= WORTH_SAVING:
            self._vault.put(Kept(slot.content.copy(), slot.group, self._memory.save(slot.number)))

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
