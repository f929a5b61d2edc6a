"""The artifact loads whole or not at all."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from classifiers import ArtifactError, load
from classifiers.artifact import COMPILED, MANIFEST, PIPELINES, SHIPPED, manifest_digest


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "artifact"))


def _edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(manifest | {"sha256": manifest_digest(manifest)}), encoding="utf-8")


def test_the_shipped_artifact_loads_and_names_itself() -> None:
    """The artifact inside the package loads, with the id and the threshold of its manifest."""
    manifest = json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))
    classifier = load()
    assert (manifest["artifact"], manifest["threshold"]) == (classifier.version, classifier.threshold)


@pytest.mark.parametrize("name", [MANIFEST, PIPELINES, COMPILED])
def test_a_missing_file_refuses_and_is_named(copy: Path, name: str) -> None:
    """Without any one of its files an artifact refuses to load, and the message says which and why."""
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{name}: missing"):
        load(copy)


@pytest.mark.parametrize("name", [MANIFEST, PIPELINES, COMPILED])
@pytest.mark.parametrize("place", [0.01, 0.5, 0.99])
def test_one_flipped_bit_refuses_and_is_named(copy: Path, name: str, place: float) -> None:
    """One altered byte in any file refuses to load, and the message names the file."""
    path = copy / name
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match=name):
        load(copy)


def test_another_scikit_learn_refuses_and_is_named(copy: Path) -> None:
    """An artifact of another scikit-learn refuses to load, naming both versions."""
    _edit(copy, versions={"scikit-learn": "1.2.3"})
    with pytest.raises(ArtifactError, match=r"manifest\.json: fitted with scikit-learn 1\.2\.3, but .* is installed"):
        load(copy)


def test_another_format_refuses(copy: Path) -> None:
    """A manifest of another format refuses to load."""
    _edit(copy, format=99)
    with pytest.raises(ArtifactError, match="format 99"):
        load(copy)


def test_arrays_for_other_features_refuse(copy: Path) -> None:
    """Arrays made for another set of features refuse to load even when every checksum fits."""
    from classifiers.artifact import digest

    with np.load(copy / COMPILED) as stored:
        arrays = dict(stored)
    arrays["structure"] = arrays["structure"][:-1]
    np.savez(copy / COMPILED, **arrays)
    files = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))["files"]
    _edit(copy, files=files | {COMPILED: digest((copy / COMPILED).read_bytes())})
    with pytest.raises(ArtifactError, match=r"compiled\.npz: .*other features"):
        load(copy)


def test_serving_never_imports_scikit_learn() -> None:
    """Loading and judging import neither scikit-learn nor scipy nor skops, which would cost most of the memory."""
    code = (
        "import sys, classifiers; classifiers.load().judge('hi');"
        "print([m for m in ('sklearn', 'scipy', 'skops', 'pickle5') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
