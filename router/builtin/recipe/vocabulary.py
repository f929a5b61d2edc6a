"""A SentencePiece-style vocabulary learned from the recipe's own text, encoded exactly as llama.cpp encodes it.

A space is written U+2581. Pieces never cross the borders of `chunks`: digits stand alone, a capital letter starts anew,
and a space joins only a small letter or a mark. So a name is the same pieces after a space, a quote or nothing, which is
what makes it easy to copy.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

SPACE = "\u2581"
SPECIAL = ("<unk>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
END, SYSTEM, USER, ASSISTANT = 2, 3, 4, 5
BYTE_OFFSET = len(SPECIAL)
_ASCII = tuple(SPACE + "".join(map(chr, range(0x21, 0x7F))))


def chunks(text: str) -> Iterator[str]:
    """Split text where no piece may cross."""
    start = 0
    for spot in range(1, len(text)):
        if _is_border(_kind(text[spot - 1]), _kind(text[spot])):
            yield text[start:spot]
            start = spot
    if text:
        yield text[start:]


def _kind(letter: str) -> str:
    if letter == SPACE:
        return "space"
    if letter.isdigit():
        return "digit"
    if letter.isalpha():
        return "capital" if letter.isupper() else "small"
    return "mark"


_JOINED = {
    ("small", "small"), ("capital", "capital"), ("capital", "small"),
    ("space", "small"), ("space", "mark"), ("mark", "mark"),
}  # fmt: skip


def _is_border(left: str, right: str) -> bool:
    return (left, right) not in _JOINED


class Vocabulary:
    """Pieces by rank, and the encoder over them: the best-ranked adjacent pair is joined until none is left."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self._ids = {piece: BYTE_OFFSET + 256 + rank for rank, piece in enumerate(self.pieces)}
        self._known: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return BYTE_OFFSET + 256 + len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of plain text; special tokens in it are text."""
        ids: list[int] = []
        for chunk in chunks(text.replace(" ", SPACE)):
            if chunk not in self._known:
                self._known[chunk] = tuple(self._joined(chunk))
            ids.extend(self._known[chunk])
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; special tokens vanish, broken UTF-8 is replaced."""
        data = bytearray()
        for token in ids:
            if token >= BYTE_OFFSET + 256:
                data += self.pieces[token - BYTE_OFFSET - 256].replace(SPACE, " ").encode()
            elif token >= BYTE_OFFSET:
                data.append(token - BYTE_OFFSET)
        return data.decode("utf-8", errors="replace")

    def _joined(self, chunk: str) -> list[int]:
        parts = list(chunk)
        while True:
            pairs = [(self._ids.get(left + right, 1 << 30), spot) for spot, (left, right) in _neighbours(parts)]
            best, spot = min(pairs, default=(1 << 30, 0))
            if best == 1 << 30:
                break
            parts[spot : spot + 2] = [parts[spot] + parts[spot + 1]]
        return [token for part in parts for token in self._ids_of(part)]

    def _ids_of(self, part: str) -> list[int]:
        token = self._ids.get(part)
        return [token] if token is not None else [BYTE_OFFSET + byte for byte in part.encode()]


def _neighbours(parts: Sequence[str]) -> Iterable[tuple[int, tuple[str, str]]]:
    return enumerate(pairwise(parts))


def learn(texts: Iterable[str], size: int) -> Vocabulary:
    """Learn the pieces of a vocabulary of `size` tokens by byte-pair merging over chunk counts."""
    counts = Counter(chunk for text in texts for chunk in chunks(text.replace(" ", SPACE)) if "\n" not in chunk)
    letters = Counter(letter for chunk, count in counts.items() for letter in chunk for _ in range(min(count, 50)))
    alphabet = set(_ASCII) | {letter for letter, count in letters.items() if count >= 20}
    words = {tuple(chunk): count for chunk, count in counts.items() if count >= 2 and alphabet.issuperset(chunk)}
    merged = _merge(words, size - BYTE_OFFSET - 256 - len(alphabet))
    return Vocabulary([*merged, *sorted(alphabet)])


def _merge(words: dict[tuple[str, ...], int], count: int) -> list[str]:
    spelled = [list(word) for word in words]
    weights = list(words.values())
    pairs: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], set[int]] = {}
    for number, word in enumerate(spelled):
        _account(word, weights[number], number, pairs, places)
    heap = [(-total, pair) for pair, total in pairs.items()]
    heapq.heapify(heap)
    pieces: dict[str, None] = {}
    while heap and len(pieces) < count:
        total, pair = heapq.heappop(heap)
        if pairs[pair] != -total:
            continue
        pieces[pair[0] + pair[1]] = None
        touched: set[tuple[str, str]] = set()
        for number in sorted(places.pop(pair)):
            word = spelled[number]
            touched |= _account(word, -weights[number], number, pairs, places)
            _join(word, pair)
            touched |= _account(word, weights[number], number, pairs, places)
        for other in sorted(touched - {pair}):
            if pairs[other] > 0:
                heapq.heappush(heap, (-pairs[other], other))
    return list(pieces)


def _account(
    word: list[str],
    weight: int,
    number: int,
    pairs: "Counter[tuple[str, str]]",
    places: dict[tuple[str, str], set[int]],
) -> set[tuple[str, str]]:
    found = set(pairwise(word))
    for pair in pairwise(word):
        pairs[pair] += weight
    for pair in found:
        places.setdefault(pair, set()).add(number)
    return found


def _join(word: list[str], pair: tuple[str, str]) -> None:
    spot = 0
    while spot < len(word) - 1:
        if (word[spot], word[spot + 1]) == pair:
            word[spot : spot + 2] = [pair[0] + pair[1]]
        spot += 1


_WHITE = re.compile(r"^\s+|\s+$")


def trimmed(text: str) -> str:
    """Trim as the chat template does."""
    return _WHITE.sub("", text)
