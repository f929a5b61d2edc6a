"""The header reader: what it says of good files, and that no file whatever can hurt it."""

import os
import struct
import time
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine.gguf import Gguf, GgufError, read
from router.engine.quantization import FILE_TYPES, TENSOR_TYPES

TOO_LONG_S = 5.0


def test_header_agrees_with_the_reference_reader(tiny: Path) -> None:
    """Tensors, sizes, counts and metadata are those that the gguf package reads."""
    ours, theirs = read(tiny), gguf.GGUFReader(tiny)
    assert [(t.name, list(t.shape), int(t.n_bytes)) for t in theirs.tensors] == [
        (t.name, list(t.shape), t.size) for t in ours.tensors
    ]
    assert (ours.architecture, ours.context, ours.kind) == ("llama", 8192, "model")
    assert (ours.tokenizer, ours.vocabulary, ours.quantization) == ("gpt2", 263, "F32")
    assert ours.has_template
    assert ours.parameters == sum(int(t.n_elements) for t in theirs.tensors)
    assert ours.weight_bytes == sum(int(t.n_bytes) for t in theirs.tensors)


def test_real_model_is_read(tinytalk: Path) -> None:
    """The header of a published model says what its card says."""
    header = read(tinytalk)
    assert (header.architecture, header.context, header.quantization) == ("gpt2", 256, "Q4_0")
    assert header.vocabulary == 14_019
    assert 3_300_000 < header.parameters < 3_500_000


def test_tables_are_those_of_the_gguf_package() -> None:
    """Block sizes and file types have not drifted from llama.cpp's."""
    sizes = {int(kind): (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    ours = {number: (kind.name, kind.block, kind.size) for number, kind in TENSOR_TYPES.items()}
    assert sizes == ours
    names = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in gguf.LlamaFileType}
    names.pop(int(gguf.LlamaFileType.GUESSED))
    assert names == FILE_TYPES


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.2, 0.5, 0.9, 0.9999])
def test_truncated_file_is_refused_by_name(tiny: Path, tmp_path: Path, share: float) -> None:
    """A file that stops early is refused wherever it stops, and the message names it."""
    data = tiny.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(GgufError, match=r"cut\.gguf: it is (truncated|empty|not a GGUF)"):
        read(cut)


@pytest.mark.parametrize("make", [lambda _: None, Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused(tmp_path: Path, make) -> None:
    """A missing file, a folder and a pipe are refused at once, without waiting."""
    path = tmp_path / "model.gguf"
    make(path)
    with pytest.raises(GgufError, match=r"model\.gguf"):
        read(path)


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _file(
    *fields: bytes, tensors: tuple[bytes, ...] = (), version: int = 3, counts: tuple[int, int] | None = None
) -> bytes:
    tensor_count, field_count = counts or (len(tensors), len(fields))
    return struct.pack("<4sIQQ", b"GGUF", version, tensor_count, field_count) + b"".join(fields) + b"".join(tensors)


def _tensor(name: bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


ARCHITECTURE = _string(b"general.architecture") + struct.pack("<I", 8) + _string(b"llama")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GGML" + bytes(60), "not a GGUF"),
        (_file(version=1), "version 1"),
        (_file(version=0x03000000), "big-endian"),
        (_file(counts=(2**63, 0)), "claims .* tensors"),
        (_file(counts=(0, 2**63)), "claims .* metadata fields"),
        (_file(counts=(0, 1)), "truncated"),
        (_file(struct.pack("<Q", 2**63)), "a metadata key is .* bytes long"),
        (_file(_string(b"k") + struct.pack("<I", 99)), "unknown type 99"),
        (_file(_string(b"k") + struct.pack("<IQ", 8, 2**40)), "bytes long"),
        (_file(_string(b"k") + struct.pack("<IIQ", 9, 8, 2**62)), "claims a list"),
        (_file(_string(b"k") + struct.pack("<IIQ", 9, 4, 2**62)), "truncated"),
        (_file(_string(b"k") + struct.pack("<IIQ", 9, 9, 1)), "list of lists"),
        (_file(_string(b"k") + struct.pack("<IIQQ", 9, 8, 1, 2**62)), "truncated"),
        (_file(_string(b"\xff") + struct.pack("<II", 4, 1)), "not UTF-8"),
        (_file(*[_string(b"k") + struct.pack("<II", 4, 1)] * 2), "appears twice"),
        (_file(), "does not name an architecture"),
        (_file(_string(b"general.architecture") + struct.pack("<II", 4, 7)), "does not name an architecture"),
        (_file(ARCHITECTURE, _string(b"general.alignment") + struct.pack("<II", 4, 3)), "alignment of 3"),
        (_file(ARCHITECTURE, _string(b"general.alignment") + struct.pack("<II", 4, 0)), "alignment of 0"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (2**33, 2**33)),)), "impossible shape"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (0,)),)), "impossible shape"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", ()),)), "0 dimensions"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (1,) * 5),)), "5 dimensions"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (4,), kind=4),)), "type 4"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (33,), kind=2),)), "do not fit blocks of 32"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (4,), offset=64),)), "offset 64"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (4,)),) * 2), "appears twice"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"n" * 64, (4,)),)), "tensor name is 64 bytes"),
        (_file(ARCHITECTURE, tensors=(_tensor(b"t", (2**30,)),)) + bytes(64), "truncated"),
    ],
)
def test_hostile_header_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    """Every lie a header can tell is refused in words that name it, without a large allocation or loop."""
    path = tmp_path / "hostile.gguf"
    path.write_bytes(data)
    with pytest.raises(GgufError, match=rf"hostile\.gguf: .*{words}"):
        read(path)


def _readable_or_refused(path: Path, data: bytes) -> Gguf | None:
    path.write_bytes(data)
    began = time.process_time()
    try:
        return read(path)
    except GgufError as error:
        assert str(path) in str(error)
        return None
    finally:
        assert time.process_time() - began < TOO_LONG_S


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=4096))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Random bytes, with the magic or without, never raise anything but `GgufError`."""
    path = tmp_path_factory.getbasetemp() / "random.gguf"
    assert _readable_or_refused(path, data) is None
    _readable_or_refused(path, struct.pack("<4sIQQ", b"GGUF", 3, 1, 3) + data)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_damage_is_read_or_refused(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A real header with damaged, added or missing bytes never raises anything but `GgufError`."""
    whole = tiny.read_bytes()
    header = bytearray(whole[: len(whole) - read(tiny).weight_bytes])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(header) - 1))
        size = data.draw(st.sampled_from([0, 1, 4, 8]))
        header[at : at + size] = data.draw(st.one_of(st.binary(max_size=9), st.sampled_from([b"\xff" * 8, bytes(8)])))
    _readable_or_refused(tmp_path_factory.getbasetemp() / "damaged.gguf", bytes(header) + whole[len(header) :])


def test_undeclared_quantization_is_what_most_weights_have(tmp_path: Path) -> None:
    """A file that does not declare its mixture is named after the type that most of its weights have."""
    path = tmp_path / "plain.gguf"
    tensors = (_tensor(b"a", (8,)), _tensor(b"b", (64,), kind=1, offset=32))
    header = _file(ARCHITECTURE, tensors=tensors)
    path.write_bytes(header + bytes(-len(header) % 32 + 32 + 128))
    assert read(path).quantization == "F16"
    path.write_bytes(_file(ARCHITECTURE) + bytes(32))
    assert read(path).quantization == "none"
