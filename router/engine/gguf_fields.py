"""The typed fields of a GGUF header, read one after the other with a bound on everything."""

import struct
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

Scalar: TypeAlias = bool | int | float
Value: TypeAlias = Scalar | str | tuple[Scalar, ...]

MAX_FIELDS = 65_536
MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 1 << 20
MAX_KEPT_BYTES = 32 << 20
MAX_TEXTS = 8_000_000  # a vocabulary of a million tokens and its merges stay well below
MAX_KEPT_LIST = 4096

_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_BOOL = 7
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


class GgufError(Exception):
    """The file cannot be served; the message says why, in one line."""


class Fields:
    """A position in the file that cannot pass its end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.position = 0
        self.kept = 0
        self.texts = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises `GgufError` past the end."""
        if count > self.size - self.position:
            raise GgufError("it is truncated: the header ends in the middle")
        data = self._file.read(count)
        if len(data) != count:
            raise GgufError("it is truncated: it became shorter while it was read")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        """Pass over `count` bytes. Raises `GgufError` past the end."""
        if count > self.size - self.position:
            raise GgufError("it is truncated: the header ends in the middle")
        self._file.seek(count, 1)
        self.position += count

    def u32(self) -> int:
        """An unsigned 32-bit number."""
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        """An unsigned 64-bit number."""
        return int(_U64.unpack(self.take(8))[0])

    def text(self, limit: int, what: str) -> str:
        """A length and that many bytes of UTF-8."""
        length = self.u64()
        if length > limit:
            raise GgufError(f"{what} is {length} bytes long")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise GgufError(f"{what} is not UTF-8") from error

    def kept_text(self) -> str:
        """A text that stays in memory; all of them together are bounded."""
        text = self.text(MAX_VALUE_BYTES, "a text of its metadata")
        self.keep(len(text))
        return text

    def keep(self, size: int) -> None:
        """Account for `size` bytes that stay in memory. Raises `GgufError` when it is too much in all."""
        self.kept += size
        if self.kept > MAX_KEPT_BYTES:
            raise GgufError("its metadata are larger than any model needs")

    def skip_texts(self, count: int) -> None:
        """Pass over `count` texts; a vocabulary has hundreds of thousands."""
        self.texts += count
        if self.texts > MAX_TEXTS:
            raise GgufError(f"it claims a list of {count} texts")
        read, seek, unpack = self._file.read, self._file.seek, _U64.unpack
        position, size = self.position, self.size - _U64.size
        for _ in range(count):
            if position > size:
                raise GgufError("it is truncated: the header ends in the middle")
            (length,) = unpack(read(_U64.size))
            position += _U64.size + length
            if position > self.size:
                raise GgufError("it is truncated: the header ends in the middle")
            seek(length, 1)
        self.position = position


def read_fields(fields: Fields, count: int) -> tuple[dict[str, Value], dict[str, int]]:
    """`count` metadata fields: their values (long lists left out) and the length of each list."""
    if count > MAX_FIELDS:
        raise GgufError(f"it claims {count} metadata fields")
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(count):
        key = fields.text(MAX_KEY_BYTES, "a metadata key")
        fields.keep(len(key))
        if key in values or key in lengths:
            raise GgufError(f"metadata field {key[:80]!r} appears twice")
        kind = fields.u32()
        if kind == _ARRAY:
            lengths[key], kept = _read_list(fields, key)
            if kept is not None:
                values[key] = kept
        elif kind == _STRING:
            values[key] = fields.kept_text()
        else:
            values[key] = _scalar_reader(kind, key)(fields)
    return values, lengths


def _scalar_reader(kind: int, key: str) -> Callable[[Fields], Scalar]:
    layout = _SCALARS.get(kind)
    if layout is None:
        raise GgufError(f"metadata field {key[:80]!r} has the unknown type {kind}")

    def read(fields: Fields) -> Scalar:
        value: Scalar = layout.unpack(fields.take(layout.size))[0]
        return bool(value) if kind == _BOOL else value

    return read


def _read_list(fields: Fields, key: str) -> tuple[int, tuple[Scalar, ...] | None]:
    kind, count = fields.u32(), fields.u64()
    if kind == _STRING:
        fields.skip_texts(count)
        return count, None
    if kind == _ARRAY:
        raise GgufError(f"metadata field {key[:80]!r} is a list of lists, which llama.cpp does not load")
    read = _scalar_reader(kind, key)
    if count > MAX_KEPT_LIST:
        fields.skip(count * _SCALARS[kind].size)
        return count, None
    fields.keep(count * 32)
    return count, tuple(read(fields) for _ in range(count))
