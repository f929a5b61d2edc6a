"""What a line of the journal can be: a record, what a caller thinks of an answer, or what was said.

A record's line is the record itself. The others are objects with one key that says what they are, so that a version that
does not know them counts them as unreadable and reads on.
"""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from router.ledger.record import UsageRecord


@dataclass(frozen=True, slots=True)
class Feedback:
    """How good `key` found the answer to its request, from 0 to 1; of several the last one counts. `at` in Unix seconds."""

    request_id: str
    at: float
    key: str | None
    score: float
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """What the user said and what was answered, without personal data, kept until `until` (Unix seconds)."""

    request_id: str
    at: float
    key: str | None
    policy: str
    prompt: str
    answer: str
    until: float


Entry: TypeAlias = UsageRecord | Feedback | Capture


class _Beside(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    feedback: Feedback | None = None
    capture: Capture | None = None


_encoder = msgspec.json.Encoder()
_record = msgspec.json.Decoder(UsageRecord)
_beside = msgspec.json.Decoder(_Beside)
BESIDE = (b'{"feedback":', b'{"capture":')


def line_of(entry: Entry) -> bytes:
    """The line of one entry, its end included."""
    if isinstance(entry, UsageRecord):
        return _encoder.encode(entry) + b"\n"
    kind = {"feedback": entry} if isinstance(entry, Feedback) else {"capture": entry}
    return _encoder.encode(kind) + b"\n"


def entry_of(line: bytes) -> Entry | None:
    """What a line is, None for nothing that is known."""
    try:
        if not line.startswith(BESIDE):
            return _record.decode(line)
        found = _beside.decode(line)
    except msgspec.DecodeError:
        return None
    return found.feedback or found.capture
