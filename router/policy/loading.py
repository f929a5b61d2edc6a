"""Find the policy file, read it, and refuse it with everything that is wrong at once."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from router.config import Config
from router.errors import ConfigError
from router.policy.border import read
from router.policy.compile import APP, build
from router.policy.document import Document, parse
from router.policy.environment import Environment
from router.policy.lint import Bench, check_names
from router.policy.problem import Problems
from router.policy.reachability import check_reach
from router.policy.schema_models import PolicyFile
from router.policy.targets import Targets

DEFAULT_FILE = Path(__file__).with_name("default.yaml")
FILE_NAME = "shunt.yaml"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `path`, else ./shunt.yaml, else the user's, else the one that comes with Shunt.

    Raises:
        ConfigError: one line for each problem, `file:line: message`, from top to bottom.
    """
    found = find(path)
    file = DEFAULT_FILE if found is None else found
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or 'cannot be read'}; `shunt init` writes a new file") from None
    return compiled(parse(raw, str(file)), found, environ)


def find(path: Path | None = None) -> Path | None:
    """The file that `load` reads; None is the one that comes with Shunt."""
    if path is not None:
        return path
    candidates = (Path(FILE_NAME), platformdirs.user_config_path(APP) / FILE_NAME)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def compiled(document: Document, path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration that a parsed document means.

    Raises:
        ConfigError: as `load`.
    """
    problems = Problems()
    file = read(document, problems)
    config = None if file is None else _config(file, document, path, environ, problems)
    if problems or config is None:
        raise ConfigError(*document.report(problems))
    return config


def _config(
    file: PolicyFile, document: Document, path: Path | None, environ: Mapping[str, str], problems: Problems
) -> Config | None:
    """None when the file's names lead nowhere: what depends on them cannot be checked then."""
    targets = Targets(Environment(environ, problems), path.parent if path else Path.cwd(), problems)
    models = {name: targets.make(name, entry) for name, entry in file.models.items()}
    found = Problems()
    check_names(Bench(file, models, found))
    problems.extend(found)
    if found:
        return None
    config = build(file, models, document, path)
    check_reach(config, problems)
    return config
