"""The classifier that a configuration names."""

from classifiers import ArtifactError, Classifier
from classifiers import load as load_artifact
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
