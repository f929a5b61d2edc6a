"""Find the policy file, read it, and refuse it with everything that is wrong at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from router.config import Config
from router.errors import ConfigError
from router.policy.advice import advice
from router.policy.border import Reading, read
from router.policy.calibrated import Calibrations
from router.policy.compile import APP, Parts, artifact_of, build, cache_of, ledger_of, replicas_of, server_of
from router.policy.document import Document, parse
from router.policy.environment import Environment
from router.policy.lint import Bench, check_names
from router.policy.problem import Problem, Problems
from router.policy.reachability import check_reach
from router.policy.schema_models import PolicyFile
from router.policy.targets import Targets

DEFAULT_FILE = Path(__file__).with_name("default.yaml")
FILE_NAME = "shunt.yaml"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration comes from: its file (None is the packaged default), the environment, and the lock."""

    path: Path | None
    environ: Mapping[str, str]
    locked: bool = True


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ, *, locked: bool = True) -> Config:
    """The configuration in `path`, else ./shunt.yaml, else the user's, else the one that comes with Shunt.

    With `locked` False the lock beside it is not read: who makes it anew must not be stopped by the old one.

    Raises:
        ConfigError: one line for each problem, `file:line: message`, from top to bottom.
    """
    found = find(path)
    file = DEFAULT_FILE if found is None else found
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or 'cannot be read'}; `shunt init` writes a new file") from None
    return compiled(parse(raw, str(file)), Source(found, environ, locked))


def read_file(path: Path) -> PolicyFile:
    """The file as it is written, for who needs the words and not their meaning.

    Raises:
        ConfigError: it cannot be read, or is not valid.
    """
    try:
        document = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from None
    problems = Problems()
    reading = read(document, problems)
    if problems or reading is None:
        raise ConfigError(*document.report(problems))
    return reading.file


def find(path: Path | None = None) -> Path | None:
    """The file that `load` reads; None is the one that comes with Shunt."""
    if path is not None:
        return path
    candidates = (Path(FILE_NAME), platformdirs.user_config_path(APP) / FILE_NAME)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def compiled(document: Document, source: Source) -> Config:
    """The configuration that a parsed document means.

    Raises:
        ConfigError: as `load`.
    """
    problems = Problems()
    reading = read(document, problems)
    config = None if reading is None else _config(reading, document, source, problems)
    if problems or config is None:
        raise ConfigError(*document.report(problems))
    return config


def _config(reading: Reading, document: Document, source: Source, problems: Problems) -> Config | None:
    """None when names lead nowhere or something was left out: who reaches whom cannot be told then."""
    found, path = Problems(), source.path
    environment = Environment(source.environ, found)
    targets = Targets(reading.file.models, environment, path.parent if path else Path.cwd(), found)
    server = server_of(reading.file.server, environment)
    cache = cache_of(reading.file.cache, environment)
    replicas = replicas_of(reading.file.replicas, environment)
    models = targets.all()
    names = Problems()
    check_names(Bench(reading, models, names))
    config = None
    if reading.is_whole and not names:
        artifact = artifact_of(reading.file.artifact, path.parent if path else Path.cwd(), environment)
        calibrations = Calibrations.load(reading.file, path, artifact, locked=source.locked)
        calibrations.check(reading.file, found)
        ledger = ledger_of(reading.file.ledger, environment)
        parts = Parts(models, server, ledger, cache, replicas, artifact, calibrations)
        config = build(reading.file, parts, document, path)
        check_reach(config, found)
        placed = [Problem(reading.written(problem.place), problem.message) for problem in advice(config)]
        config = replace(config, warnings=document.report(placed))
    problems.extend(Problem(reading.written(problem.place), problem.message) for problem in (*found, *names))
    return config
