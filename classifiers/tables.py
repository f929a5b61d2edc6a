"""The fitted pipelines as plain arrays, and as the content of a file."""

import io
import json
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from classifiers.cues import Lexicon

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tables:
    """Weights of both heads.

    For difficulty `words` has a row for each of `shape.FORMS` and a column for each n-gram bucket, `shape` a row for each
    form and a column for each number of `bend`, which `scales` is for; `bias` has one entry for each form, and
    `structure`, which only open prompts have, one for each number; `typical` are those numbers' means, for explanations.

    The task head's tables have a second axis, one column for each task; its n-gram table may be smaller by a power of 2.
    """

    lexicon: NDArray[np.uint8]
    words: NDArray[np.float32]
    scales: Floats
    shape: Floats
    structure: Floats
    typical: Floats
    bias: Floats
    task_words: NDArray[np.float32]
    task_structure: Floats
    task_bias: Floats


def pack_lexicon(lexicon: Lexicon) -> NDArray[np.uint8]:
    """The lexicon as bytes, to lie beside the other arrays."""
    return np.frombuffer(json.dumps(lexicon, ensure_ascii=False).encode(), dtype=np.uint8)


def unpack_lexicon(packed: NDArray[np.uint8]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The lexicon back from its bytes."""
    return {name: (says, tuple(stems)) for name, (says, stems) in json.loads(packed.tobytes()).items()}


def to_bytes(tables: Tables) -> bytes:
    """The arrays as the content of an .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{field.name: getattr(tables, field.name) for field in fields(tables)})
    return buffer.getvalue()


def from_bytes(content: bytes) -> Tables:
    """The arrays from the content of an .npz file; never unpickles."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return Tables(**{field.name: stored[field.name] for field in fields(Tables)})
