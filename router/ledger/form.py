"""The forms in which the records can be written."""

from enum import StrEnum


class Format(StrEnum):
    """What can be written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
