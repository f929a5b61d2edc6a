"""`shunt train --second-stage`: what to make of the small model's confidence, from the user's own answers."""

from pathlib import Path

from rich.console import Console

from classifiers.confidence import PRIOR, SecondStage, StageError, load_stage
from classifiers.confidence.learning import learn, read_answers
from classifiers.storing import write_file
from router import policy
from router.errors import ConfigError
from router.policy.artifact import load_classifier
from router.quality.views import show_comparison

FILE_NAME = "confidence.json"


def teach(config: Path | None, data: Path | None, out: Path | None) -> None:
    """Learn from rows with the confidence of the small model's answers; the file is replaced only by a better stage.

    Raises:
        ConfigError: there is no data file, the stage in use cannot be read, or the new one is no better.
        DataError: the data file is wrong, or too small.
    """
    if data is None:
        raise ConfigError("give --data FILE: JSON lines with prompt, small, large, first, and whole and tokens")
    found = policy.load(config, locked=False)
    place = out or found.state_dir / FILE_NAME
    learned = learn(read_answers(data), load_classifier(found), stage_in_use(place))
    console = Console()
    show_comparison(learned.comparison, console)
    if learned.comparison.fault:
        raise ConfigError(f"not replaced: {learned.comparison.fault}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file(place, learned.content)
    except OSError as error:
        raise ConfigError(f"{place}: {error.strerror}") from error
    console.print(f"{learned.stage.name} -> {place}", highlight=False, markup=False, soft_wrap=True)


def stage_in_use(place: Path) -> SecondStage:
    """The stage of a file, or the prior while there is none.

    Raises:
        ConfigError: there is a file that cannot be read.
    """
    if not place.exists():
        return PRIOR
    try:
        return load_stage(place)
    except StageError as error:
        raise ConfigError(str(error)) from error
