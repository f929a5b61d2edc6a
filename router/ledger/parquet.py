"""The records as Parquet, a row group at a time. arro3 is 12 MB that only this format needs: whoever wants it imports this."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet
from sqlalchemy import Boolean, Column, Float, Integer
from sqlalchemy.exc import SQLAlchemyError

KINDS: Mapping[type, DataType] = {Boolean: DataType.bool(), Float: DataType.float64(), Integer: DataType.int64()}
Batches = Iterator[list[Mapping[str, Any]]]


class _Sink(io.RawIOBase):
    """Hands everything on to `out` until that fails, and remembers how: arro3 panics where a write or a batch does."""

    def __init__(self, out: BinaryIO) -> None:
        self.error: OSError | SQLAlchemyError | None = None
        self._out = out

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any, /) -> int:
        """Take it, also where nobody takes it any more."""
        if self.error is None:
            try:
                self._out.write(data)
            except OSError as error:
                self.error = error
        return len(memoryview(data))


def write(columns: tuple[Column[Any], ...], batches: Batches, out: BinaryIO) -> int:
    """Write the rows of `batches` and return how many.

    Raises:
        OSError, SQLAlchemyError: `out` or `batches` failed.
    """
    kinds = {column.name: _kind(column) for column in columns}
    schema = Schema([Field(name, kind) for name, kind in kinds.items()])
    sink, count = _Sink(out), 0

    def tables() -> Iterator[RecordBatch]:
        nonlocal count
        try:
            for batch in batches:
                if sink.error is not None:
                    return
                count += len(batch)
                arrays = [Array([row[name] for row in batch], kind) for name, kind in kinds.items()]
                yield RecordBatch.from_arrays(arrays, schema=schema)
        except SQLAlchemyError as error:
            sink.error = error

    # Declared to take a sequence and a whole file, they read an iterator as they write, and only write.
    lazily: Any = tables()
    into: Any = sink
    write_parquet(RecordBatchReader.from_batches(schema, lazily), into, compression="snappy")
    if sink.error is not None:
        raise sink.error
    return count


def _kind(column: Column[Any]) -> DataType:
    return next((kind for declared, kind in KINDS.items() if isinstance(column.type, declared)), DataType.utf8())
