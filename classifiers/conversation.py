"""What the user says in a conversation: the turns that matter, without what clients wrap around them.

Agent clients send tens of kilobytes of instructions, reminders and tool results around a few words of the user.
Everything here is linear in the text it reads, and nothing raises, whatever the messages hold.
"""

from collections.abc import Iterator, Mapping, Sequence

from classifiers.side_calls import system_side_call, user_side_call
from classifiers.wrappers import TAGS, unwrap

CAP = 6_000
"""Characters of user text that are kept: the whole of the newest turn first."""

INHERITED = 1_500
"""Characters of each earlier turn that a short one inherits."""

TURNS = 4
"""How many user turns may speak."""

SELF_SUFFICIENT = 120
"""A turn of so many characters says itself what it wants, and inherits nothing from the turns before it."""

SCANNED = 24_000
"""Characters of all turns together that are searched for wrappers; longer parts keep their heads and tails."""

PARTS = 32
"""Text parts of one turn that are read: its first and its last ones."""

TEXT_PARTS = ("text", "input_text")
INSTRUCTING = ("system", "developer")
# Tuples, because a client may send a list as its role and a list has no hash.

CLOSERS = frozenset(
    [
        "thanks",
        "thank you",
        "thx",
        "bye",
        "goodbye",
        "thanks a lot",
        "thank you very much",
        "many thanks",
        "danke",
        "vielen dank",
        "tschüss",
        "merci",
        "merci beaucoup",
        "gracias",
        "muchas gracias",
        "grazie",
        "grazie mille",
        "obrigado",
        "obrigada",
        "bedankt",
        "dziękuję",
        "dzięki",
        "спасибо",
        "пока",
        "شكرا",
        "谢谢",
        "再见",
        "ありがとう",
        "감사합니다",
        "teşekkürler",
        "धन्यवाद",
    ]
)
"""Turns that end a subject and so inherit nothing."""


def user_text(messages: Sequence[Mapping[str, object]]) -> str:
    """The words of the user's last turns, oldest first, at most `CAP` characters; "" when there are none.

    The newest turn dominates: earlier ones join only while what follows them is too short to stand alone, so that
    "commit it" or "go on" inherits the difficulty of what it continues.
    """
    kept: list[str] = []
    for words in _turns(messages):
        kept.insert(0, words[:INHERITED] if kept else _fitting(words, CAP))
        if len(kept) == TURNS or len(words) >= SELF_SUFFICIENT or _closes(words):
            break
    return _fitting("\n\n".join(kept), CAP)


def side_call(messages: Sequence[Mapping[str, object]]) -> str | None:
    """The kind of a chat interface's hidden call ("title", "tags", "follow_ups", "query", …), or None for a real one."""
    found = _messages(messages)
    for message in found[:3]:
        if message.get("role") in INSTRUCTING:
            kind = system_side_call(_text(message.get("content")))
            if kind is not None:
                return kind
    last = next((message for message in reversed(found) if message.get("role") == "user"), None)
    return user_side_call(_text(last.get("content"))) if last is not None else None


def _turns(messages: object) -> Iterator[str]:
    room = SCANNED
    for message in reversed(_messages(messages)):
        if room > 0 and message.get("role") == "user":
            parts = _bounded(_parts(message.get("content")), room)
            room -= sum(map(len, parts))
            found = (unwrap(part, TAGS // len(parts)) for part in parts)
            words = "\n".join(text for text in found if text)
            if words:
                yield words


def _bounded(parts: list[str], room: int) -> list[str]:
    # A part that is shorter than an equal share is kept whole: the user's own words among attached files.
    kept = parts if len(parts) <= PARTS else [*parts[: PARTS // 2], *parts[-PARTS // 2 :]]
    if sum(map(len, kept)) <= room:
        return kept
    return [_fitting(part, max(room // len(kept), 2)) for part in kept]


def _messages(messages: object) -> list[Mapping[str, object]]:
    if not isinstance(messages, list | tuple):
        return []
    return [message for message in messages if isinstance(message, Mapping)]


def _text(content: object) -> str:
    return "\n".join(_parts(content))


def _parts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list | tuple):
        return []
    return [text for part in content if (text := _part(part))]


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type", "text") not in TEXT_PARTS:
        return ""
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _fitting(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room // 2]}\n{text[-(room - room // 2 - 1) :]}"


def _closes(words: str) -> bool:
    return words.lower().strip(" \n.!?\u3002\uff01,") in CLOSERS
