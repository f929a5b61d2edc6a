"""Text as the classifier reads it: bounded by sampling, folded, and cut into tokens with numpy.

Everything here is linear in the sample and shared by training and by the fast path, so that both see one text.
"""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A long text is sampled, not just cut: instructions sit at its head or its tail.
HEAD, MIDDLE, TAIL = 1200, 400, 800
CAP = HEAD + MIDDLE + TAIL + 2

# Courtesies around a request change nothing about it. Bounded, and each is taken off at most twice.
_PLEASE = (
    "please|pls|kindly|(?:could|can|would|will) you(?: please| kindly)?|i would like you to|i'd like you to"
    "|i need you to|bitte|s'il (?:vous|te) pla[iî]t|por favor|per favore|пожалуйста|请|lütfen|proszę|alstublieft"
    "|hi|hello|hey|dear assistant"
)
_OPENING = re.compile(rf"(?:(?:{_PLEASE})(?:\s*[,!:]\s*|\s+(?!there\b))){{1,2}}(?=\S)")
_CLOSING = re.compile(
    r"(?<=\S)(?:\s*[,.!?;。]\s*|\s+)(?:thanks|thank you|thx|many thanks|danke|merci|gracias|grazie|obrigad[oa]|спасибо|谢谢"
    r"|please|bitte|por favor|ありがとう)(?: (?:a lot|so much|very much|in advance|schön))?\s*[.!。]*$"
)
CLOSING_CHARACTERS = 60

SPACE, WORD, SINGLE, DIGIT, UNKNOWN = 0, 1, 2, 3, 4

# Scripts written without spaces: each character is a token of its own.
_UNSPACED = ((0x0E00, 0x0EFF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF))


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, read once: `size` estimates the whole of it in folded characters, the rest describes the sample.

    `raw` is the sample as written, `folded` the same in NFKC and lower case with white space collapsed and courtesies
    taken off; `codes` are the code points of `folded` with every digit as "0"; `starts` and `ends` bound its tokens, and
    `lettered` says which of them are words.
    """

    size: float
    raw: str
    folded: str
    codes: NDArray[np.uint64]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    lettered: NDArray[np.bool_]


def _class_of(code: int) -> int:
    kind = unicodedata.category(chr(code))
    if kind[0] in "ZC":
        return SPACE
    if kind[0] not in "LMN" or any(low <= code <= high for low, high in _UNSPACED):
        return SINGLE
    return DIGIT if kind == "Nd" else WORD


# What is not known yet is looked up when a text first has it: asking for all 65,536 would cost every start 0.05 s.
_CLASSES = np.full(0x10000, UNKNOWN, dtype=np.uint8)
_CLASSES[0xFFFF] = SINGLE  # stands for every code point beyond the basic plane


def _classes_of(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    places = np.minimum(points, 0xFFFF)
    classes = _CLASSES[places]
    unknown = classes == UNKNOWN
    if not unknown.any():
        return classes
    for code in set(places[unknown].tolist()):
        _CLASSES[code] = _class_of(code)
    return _CLASSES[places]


def sample(text: str) -> str:
    """The head, the middle and the tail of a text, at most `CAP` characters."""
    if len(text) <= HEAD + MIDDLE + TAIL:
        return text
    start = (len(text) - MIDDLE) // 2
    return "\n".join((text[:HEAD], text[start : start + MIDDLE], text[-TAIL:]))


def read(text: str) -> Reading:
    """Read a text of any length and content; never raises."""
    raw = sample(text)
    plain = raw if raw.isascii() else unicodedata.normalize("NFKC", raw)
    folded = _without_courtesies(" ".join(plain.lower().split()))[:CAP]
    points = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    classes = _classes_of(points)
    codes = np.where(classes == DIGIT, ord("0"), points).astype(np.uint64)
    starts, ends = _tokens(classes)
    size = len(folded) * len(text) / max(len(raw), 1)
    return Reading(size, raw, folded, codes, starts, ends, classes[starts] == WORD)


def _without_courtesies(text: str) -> str:
    opening = _OPENING.match(text)
    if opening is not None:
        text = text[opening.end() :]
    cut = max(len(text) - CLOSING_CHARACTERS, 0)
    closing = _CLOSING.search(text, cut)
    if closing is None:
        return text
    kept = text[: closing.start() + 1]
    return kept if kept[-1] in ".!?;。" else kept.rstrip(" ,")


def _tokens(classes: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if not len(classes):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    cuts = np.flatnonzero((classes[1:] != classes[:-1]) | (classes[1:] == SINGLE)) + 1
    starts = np.concatenate((np.zeros(1, dtype=np.intp), cuts))
    ends = np.concatenate((cuts, np.array([len(classes)], dtype=np.intp)))
    kept = classes[starts] != SPACE
    return starts[kept], ends[kept]
