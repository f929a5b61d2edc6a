"""The classifier that a configuration names."""

from collections.abc import Mapping

from classifiers import ArtifactError, Classifier
from classifiers import load as load_artifact
from classifiers.artifact import SHIPPED, read_manifest
from classifiers.drift import BINS
from router.config import Config
from router.errors import ConfigError


def load_classifier(config: Config) -> Classifier:
    """The classifier of `artifact`, or the one that ships.

    Raises:
        ConfigError: the artifact is missing or altered; the message names the file and the cause.
    """
    try:
        return load_artifact(config.artifact)
    except ArtifactError as error:
        raise ConfigError(str(error)) from error


def manifest_of(config: Config) -> Mapping[str, object]:
    """The artifact's manifest, which names every file with its digest: the same manifest is the same classifier.

    Raises:
        ConfigError: it is missing or altered.
    """
    try:
        return read_manifest(config.artifact or SHIPPED)
    except ArtifactError as error:
        raise ConfigError(str(error)) from error


def usual_scores(config: Config) -> tuple[float, ...]:
    """The histogram that drift is measured against: the lock's, else the artifact's, else nothing."""
    if config.usual_scores:
        return config.usual_scores
    found = manifest_of(config).get("score_histogram")
    shares = found if isinstance(found, list) else []
    return tuple(float(share) for share in shares) if len(shares) == BINS and sum(shares) > 0 else ()
