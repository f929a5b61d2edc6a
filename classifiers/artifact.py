"""The artifact on disk: a manifest that names every file with its sha256, and loading that refuses anything else.

    manifest.json    versions, training data, scores, threshold, and the sha256 of the two files below
    pipelines.skops  the fitted scikit-learn pipelines, the source of truth
    compiled.npz     the same as plain arrays, which is all that serving reads

Serving verifies both files and the versions without importing scikit-learn.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from classifiers.classifier import Classifier
from classifiers.tables import from_bytes

FORMAT = 3
MANIFEST, PIPELINES, COMPILED = "manifest.json", "pipelines.skops", "compiled.npz"
SHIPPED = Path(__file__).parent / "artifact"
PINNED = ("scikit-learn",)
"""Distributions whose major and minor version must be the one that the artifact was fitted with."""


class ArtifactError(Exception):
    """The artifact is missing, altered or made for other versions; the message names the file and the cause."""


def load(folder: Path | None = None) -> Classifier:
    """Load an artifact (None: the one that ships in this package); ArtifactError names the file and the cause."""
    place = SHIPPED if folder is None else folder
    manifest = read_manifest(place)
    _check_versions(place / MANIFEST, manifest)
    contents = {name: _verified(place / name, manifest) for name in (PIPELINES, COMPILED)}
    try:
        tables = from_bytes(contents[COMPILED])
        return Classifier(
            tables,
            version=str(manifest["artifact"]),
            threshold=_threshold(manifest),
            is_taught=_is_taught(manifest),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{place / COMPILED}: not readable as the arrays of an artifact ({error})") from error


def read_manifest(folder: Path) -> dict[str, object]:
    """The manifest as it stands; ArtifactError when it is missing, broken or of another format."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(_read(path))
    except ValueError as error:
        raise ArtifactError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtifactError(f"{path}: artifact format {found!r}, this version reads format {FORMAT}; train it again")
    if manifest.get("sha256") != manifest_digest(manifest):
        raise ArtifactError(f"{path}: altered (its own sha256 does not match); restore it or train again")
    return manifest


def manifest_digest(manifest: Mapping[str, object]) -> str:
    """The sha256 of a manifest's content without its own digest."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return digest(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())


def digest(content: bytes) -> str:
    """The sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def installed_versions() -> dict[str, str]:
    """The versions that an artifact made now depends on."""
    return {name: version(name) for name in (*PINNED, "skops", "numpy", "scipy")}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: missing; reinstall, or make it with `python -m classifiers train`") from error
    except OSError as error:
        raise ArtifactError(f"{path}: not readable ({error.strerror})") from error


def _verified(path: Path, manifest: Mapping[str, object]) -> bytes:
    files = manifest.get("files")
    wanted = files.get(path.name) if isinstance(files, Mapping) else None
    content = _read(path)
    if digest(content) != wanted:
        raise ArtifactError(f"{path}: altered (sha256 {digest(content)[:12]}…, the manifest says {str(wanted)[:12]}…)")
    return content


def _check_versions(path: Path, manifest: Mapping[str, object]) -> None:
    recorded = manifest.get("versions")
    for name in PINNED:
        wanted = str(recorded.get(name)) if isinstance(recorded, Mapping) else "unknown"
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        if found.split(".")[:2] != wanted.split(".")[:2]:
            raise ArtifactError(f"{path}: fitted with {name} {wanted}, but {found} is installed; train it again")


def _is_taught(manifest: Mapping[str, object]) -> bool:
    data = manifest.get("data")
    return isinstance(data, Mapping) and "taught" in data


def _threshold(manifest: Mapping[str, object]) -> float:
    value = manifest["threshold"]
    if not isinstance(value, float):
        raise TypeError("threshold is not a number")
    return value
